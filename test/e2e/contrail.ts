/** The embedded config API from a suite, as an operator: from the control plane's machine, with the chart's token. */
import type { LabHandle } from '../lab/handle.ts';
import { inUrl } from './outside.ts';

/** Names of objects of a type, colon form. */
export async function contrailNames(lab: LabHandle, type: string): Promise<readonly string[]> {
  const answer = (await contrail(lab, 'GET', `/${type}s`)) as Record<string, { fq_name: string[] }[]>;
  return (answer[`${type}s`] ?? []).map(({ fq_name }) => fq_name.join(':'));
}

/** One call of the config API. Asks each server in turn until one answers; throws when none agrees. */
export async function contrail(lab: LabHandle, method: string, path: string, body?: object): Promise<unknown> {
  const token = await lab.kubectl([...SECRET, '-o', 'jsonpath={.data.token}']);
  const hosts = await lab.kubectl([...SERVERS, '-o', 'jsonpath={.items[*].status.hostIP}']);
  let said = 'no config API answers';
  for (const host of hosts.split(' ').filter((text) => text !== '')) {
    const url = `https://${inUrl(host)}:8082${path}`;
    const args = [method, url, Buffer.from(token, 'base64').toString(), JSON.stringify(body ?? null)];
    const answer = await lab.exec('cp', [process.execPath, '-e', ASK, ...args]);
    if (answer.code === 0) return JSON.parse(answer.stdout === '' ? 'null' : answer.stdout);
    said = answer.stderr;
  }
  throw new Error(`${method} ${path}: ${said}`);
}

const SECRET = ['get', 'secret', '-n', 'opencontrail', 'config-api-token'];
const SERVERS = ['get', 'pods', '-n', 'opencontrail', '-l', 'app.kubernetes.io/component=config-api'];
/** The certificate is not what is tested here: the suite has no copy of its authority. */
const ASK = `
const [method, url, token, body] = process.argv.slice(1);
const headers = { authorization: 'Bearer ' + token, 'content-type': 'application/json' };
const request = require('node:https').request(url, { method, rejectUnauthorized: false, headers }, (answer) => {
  process.exitCode = answer.statusCode === 200 ? 0 : 1;
  answer.pipe(answer.statusCode === 200 ? process.stdout : process.stderr);
}).on('error', (error) => { console.error(error.message); process.exit(1); });
if (body !== 'null') request.write(body);
request.end();
`;
