/** Reading the embedded config API from a suite: from the control plane's machine, with the chart's token. */
import type { LabHandle } from '../lab/handle.ts';

/** Names of objects of a type, colon form. Asks each server in turn until one answers. */
export async function contrailNames(lab: LabHandle, type: string): Promise<readonly string[]> {
  const token = await lab.kubectl([
    'get',
    'secret',
    '-n',
    'opencontrail',
    'config-api-token',
    '-o',
    'jsonpath={.data.token}',
  ]);
  const hosts = await lab.kubectl([
    'get',
    'pods',
    '-n',
    'opencontrail',
    '-l',
    'app.kubernetes.io/component=config-api',
    '-o',
    'jsonpath={.items[*].status.hostIP}',
  ]);
  for (const host of hosts.split(' ').filter((text) => text !== '')) {
    const url = `https://${host}:8082/${type}s`;
    const answer = await lab.exec('cp', [process.execPath, '-e', ASK, url, Buffer.from(token, 'base64').toString()]);
    if (answer.code === 0) return namesIn(answer.stdout, type);
  }
  throw new Error('no config API answers');
}

/** The certificate is not what is tested here: the suite has no copy of its authority. */
const ASK = `
const [url, token] = process.argv.slice(1);
const options = { rejectUnauthorized: false, headers: { authorization: 'Bearer ' + token } };
require('node:https').get(url, options, (answer) => {
  if (answer.statusCode !== 200) process.exit(1);
  answer.pipe(process.stdout);
}).on('error', () => process.exit(1));
`;

function namesIn(text: string, type: string): readonly string[] {
  const answer = JSON.parse(text) as Record<string, { fq_name: string[] }[]>;
  return (answer[`${type}s`] ?? []).map(({ fq_name }) => fq_name.join(':'));
}
