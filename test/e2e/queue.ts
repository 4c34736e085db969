/** Dead letters, as an operator meets them: `kubectl contrail queue` says what does not get on and why, and has it tried again. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Letter } from '../../cli/queue/letters.ts';
import type { LabHandle } from '../lab/handle.ts';
import { contrailCommand } from './command-line.ts';
import { contrail } from './contrail.ts';
import { idle, podManifest, podsOf, portAddress } from './pods.ts';
import type { Reporter } from './reporter.ts';

const NAMESPACE = 'queue-suite';
const KEY = `Pod/${NAMESPACE}/early`;
const NETWORK = ['default-domain', `k8s-${NAMESPACE}`, 'operators'];

/** Run by `npm run e2e -- queue`. */
export async function suite(lab: LabHandle, report: Reporter): Promise<void> {
  await lab.createNamespace(NAMESPACE);
  report.equal('nothing is stuck at first', (await list(lab)).code, 0);
  const pod = podManifest({ namespace: NAMESPACE, name: 'early' }, idle) as { metadata: object };
  const annotations = { 'opencontrail.org/network': 'operators' };
  await lab.apply([{ ...pod, metadata: { ...pod.metadata, annotations } }]);
  await lab.waitFor('the letter', async () => (await list(lab)).letters.length > 0);
  const { code, letters } = await list(lab);
  const [letter] = letters;
  report.equal(
    'a pod in a network that is not there is a dead letter',
    [code, letter?.key, letter?.state],
    [1, KEY, 'refused'],
  );
  report.equal('with the reason and the mend', /operators.*does not exist; create it/.test(letter?.reason ?? ''), true);
  // Kubernetes hears nothing of an operator's network: nothing but a retry, or the resync in ten minutes, moves the key.
  const network = await createNetwork(lab);
  await sleep(3_000);
  report.equal('a mend elsewhere is not seen by itself', (await list(lab)).letters.length, 1);
  const retried = await contrailCommand(['queue', 'retry', KEY, '--json', '--kubeconfig', lab.kubeconfig]);
  report.equal('it is tried again when asked to', JSON.parse(retried.stdout), { retried: [KEY] });
  await report.check('and the pod runs', () => lab.podsReady(NAMESPACE, ['early']));
  const addresses = (await podsOf(lab, NAMESPACE)).map(portAddress);
  report.equal(
    'in the operator’s network',
    addresses.map((address) => address?.startsWith('10.83.0.')),
    [true],
  );
  report.equal('nothing is stuck in the end', (await list(lab)).code, 0);
  await lab.kubectl(['delete', 'pod', 'early', '-n', NAMESPACE]);
  await lab.waitFor('the network to be empty', async () => {
    await contrail(lab, 'DELETE', `/virtual-network/${network}`);
    return true;
  });
}

async function list(lab: LabHandle): Promise<{ readonly code: number; readonly letters: readonly Letter[] }> {
  const flags = ['--namespace', NAMESPACE, '--json', '--kubeconfig', lab.kubeconfig];
  const { code, stdout, stderr } = await contrailCommand(['queue', 'list', ...flags]);
  if (stdout === '') throw new Error(stderr);
  return { code, ...(JSON.parse(stdout) as { letters: readonly Letter[] }) };
}

/** As an operator makes one: straight in the config API, under a name that the pod has asked for. Answers its UUID. */
async function createNetwork(lab: LabHandle): Promise<string> {
  const ipam_subnets = [{ subnet: { ip_prefix: '10.83.0.0', ip_prefix_len: 24 } }];
  const ipam = { to: ['default-domain', 'default-project', 'default-network-ipam'], attr: { ipam_subnets } };
  const body = { parent_type: 'project', fq_name: NETWORK, network_ipam_refs: [ipam] };
  const made = await contrail(lab, 'POST', '/virtual-networks', { 'virtual-network': body });
  // The answer holds what was made.
  return (made as { 'virtual-network': { uuid: string } })['virtual-network'].uuid;
}
