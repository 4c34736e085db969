/** A StatefulSet's pod keeps its address when it is deleted, and on another node, where it answers under it. */
import type { LabHandle } from '../lab/handle.ts';
import { dial, dialPod } from './dial.ts';
import { podsOf } from './pods.ts';
import type { Reporter } from './reporter.ts';

const NAMESPACE = 'addresses-sticky';

/** Part of the suite `addresses`; alone: `npm run e2e -- sticky`. */
export async function suite(lab: LabHandle, report: Reporter): Promise<void> {
  await lab.createNamespace(NAMESPACE);
  const [near = '', far = near] = lab.nodes;
  await lab.apply([setOn(near), dialPod({ namespace: NAMESPACE, name: 'client', node: near })]);
  await lab.podsReady(NAMESPACE, ['db-0', 'client']);
  const before = await member(lab);
  await lab.kubectl(['delete', 'pod', '-n', NAMESPACE, 'db-0', '--now']);
  const again = await successor(lab, before?.metadata.uid);
  report.equal('a re-created pod of a StatefulSet has the same address', again?.status.podIP, before?.status.podIP);
  await lab.apply([setOn(far)]);
  const moved = await successor(lab, again?.metadata.uid);
  report.equal('on another node too', [moved?.spec.nodeName, moved?.status.podIP], [far, before?.status.podIP]);
  await report.check('and answers there', () =>
    lab.waitFor(
      'an answer',
      async () => (await dial({ namespace: NAMESPACE, name: 'client' }, moved?.status.podIP ?? '', lab)) === 'db-0',
    ),
  );
}

async function member(lab: LabHandle) {
  return (await podsOf(lab, NAMESPACE)).find(({ metadata }) => metadata.name === 'db-0');
}

async function successor(lab: LabHandle, uid: string | undefined) {
  await lab.waitFor('a successor', async () => {
    const pod = await member(lab);
    return pod !== undefined && pod.metadata.uid !== uid;
  });
  await lab.podsReady(NAMESPACE, ['db-0']);
  return await member(lab);
}

/** A change of the node selector makes the controller replace the pod. */
function setOn(node: string): object {
  const labels = { app: 'db' };
  const { spec } = dialPod({ namespace: NAMESPACE, name: 'db', node }) as { spec: object };
  const { hostname: _own, ...pod } = spec as { hostname?: string };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { namespace: NAMESPACE, name: 'db' },
    spec: {
      replicas: 1,
      serviceName: 'db',
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: pod },
    },
  };
}
