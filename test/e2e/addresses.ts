/** Addresses: no two pods share one, a re-created pod never inherits its predecessor's port, and nothing is left behind. */
import type { LabHandle } from '../lab/handle.ts';
import { contrailNames } from './contrail.ts';
import { suite as interfaces } from './interfaces.ts';
import { deploymentManifest, duplicates, podManifest, podsOf, portAddress, portsOf, shell } from './pods.ts';
import type { Reporter } from './reporter.ts';
import { suite as sticky } from './sticky.ts';

const SHARED = 'addresses-shared';
const ISOLATED = 'addresses-isolated';
const EACH = 100;
const POD_RANGE = /^10\.(3[2-9]|4[0-7])\./;

/** Run by `npm run e2e -- addresses`. */
export async function suite(lab: LabHandle, report: Reporter): Promise<void> {
  await interfaces(lab, report);
  await sticky(lab, report);
  await lab.createNamespace(SHARED);
  await lab.createNamespace(ISOLATED, { annotations: { 'opencontrail.org/isolation': 'true' } });
  await recreated(lab, report);
  await manyAtOnce(lab, report);
  await nothingLeft(lab, report);
}

/** A pod is deleted and made again under its name, several times, as fast as the API server takes it. */
async function recreated(lab: LabHandle, report: Reporter): Promise<void> {
  const web = shell('mkdir /www; hostname > /www/index.html; exec httpd -f -p 8080 -h /www');
  await lab.apply([podManifest({ namespace: SHARED, name: 'client', node: lab.nodes[0] ?? '' }, shell('exec /pause'))]);
  await lab.podsReady(SHARED, ['client']);
  const uids: string[] = [];
  for (let round = 0; round < 5; round += 1) {
    // Another node each time: the predecessor's route must go too.
    const node = lab.nodes[round % lab.nodes.length] ?? '';
    await lab.apply([podManifest({ namespace: SHARED, name: 'again', node }, web)]);
    await lab.podsReady(SHARED, ['again']);
    const pod = (await podsOf(lab, SHARED)).find(({ metadata }) => metadata.name === 'again');
    if (pod === undefined) throw new Error('the pod is gone');
    uids.push(pod.metadata.uid);
    report.equal(`re-created pod ${round}: its ports carry its own UID`, portsOf(pod)?.uid, pod.metadata.uid);
    report.equal(
      `re-created pod ${round}: Kubernetes and its ports name one address`,
      pod.status.podIP,
      portAddress(pod),
    );
    const url = `http://${pod.status.podIP}:8080/`;
    await report.check(`re-created pod ${round}: answers a pod on another node`, async () => {
      const answer = await lab.execInPod({ namespace: SHARED, name: 'client' }, [
        'timeout',
        '5',
        'wget',
        '-q',
        '-O',
        '-',
        url,
      ]);
      if (answer.stdout !== 'again\n') throw new Error(`got ${answer.stdout}${answer.stderr}`);
    });
    await lab.kubectl(['delete', 'pod', '-n', SHARED, 'again', '--now']);
  }
  report.equal('each of the re-created pods was another', duplicates(uids), []);
}

async function manyAtOnce(lab: LabHandle, report: Reporter): Promise<void> {
  const started = performance.now();
  await lab.apply([
    deploymentManifest({ namespace: SHARED, name: 'many' }, EACH),
    deploymentManifest({ namespace: ISOLATED, name: 'many' }, EACH),
  ]);
  for (const namespace of [SHARED, ISOLATED]) {
    await report.check(`${EACH} pods of ${namespace} run`, () =>
      lab.waitFor(`${EACH} running pods`, async () => (await running(lab, namespace)).length >= EACH, {
        timeoutMs: 900_000,
        everyMs: 2_000,
      }),
    );
  }
  report.note(`${2 * EACH} pods after ${Math.round((performance.now() - started) / 1000)} s`);
  const pods = [...(await running(lab, SHARED)), ...(await running(lab, ISOLATED))];
  const addresses = pods.map(({ status }) => status.podIP ?? '');
  report.equal(`${pods.length} pods: no address twice, also across networks`, duplicates(addresses), []);
  report.equal(
    'every address lies in the pod range',
    addresses.filter((address) => !POD_RANGE.test(address)),
    [],
  );
  const differing = pods.filter((pod) => pod.status.podIP !== portAddress(pod)).map(({ metadata }) => metadata.name);
  report.equal('Kubernetes and the ports annotation name one address', differing, []);
  const macs = pods.map((pod) => portsOf(pod)?.interfaces[0]?.mac ?? '');
  report.equal('no MAC address twice', duplicates(macs), []);
}

async function running(lab: LabHandle, namespace: string) {
  return (await podsOf(lab, namespace)).filter(({ status }) => status.phase === 'Running');
}

async function nothingLeft(lab: LabHandle, report: Reporter): Promise<void> {
  await lab.kubectl(['delete', 'deployment', '-n', SHARED, 'many', '--wait=false']);
  await lab.kubectl(['delete', 'namespace', ISOLATED, '--wait=false']);
  await report.check('machines of deleted pods are gone from Contrail', () =>
    lab.waitFor(
      'machines to go',
      async () => {
        const machines = await contrailNames(lab, 'virtual-machine');
        const left = machines.filter((name) => /__addresses-(shared__many|isolated__)/.test(name));
        if (left.length > 0) throw new Error(`${left.length} are left`);
        return true;
      },
      { timeoutMs: 600_000, everyMs: 2_000 },
    ),
  );
  await report.check('the networks of a deleted namespace are gone from Contrail', () =>
    lab.waitFor(
      'networks to go',
      async () => !(await contrailNames(lab, 'virtual-network')).some((name) => name.includes(ISOLATED)),
      { timeoutMs: 120_000, everyMs: 1_000 },
    ),
  );
}
