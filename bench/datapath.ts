/** TCP throughput and request/response rate between pods of two nodes, against the bare veth path between nodes and a VXLAN without our rules. */
import { openLab } from '../test/lab/handle.ts';
import type { LabHandle } from '../test/lab/handle.ts';
import { bringUp } from '../test/lab/up.ts';
import { installTools, medians, type Place, requestRate, throughput } from './flows.ts';
import { placeOfPod } from './lab-pods.ts';
import { createReference } from './reference-vxlan.ts';
import { ratioLine } from './statistics.ts';

const NAMESPACE = 'bench-datapath';
const LENGTH = { rounds: 5, seconds: 3 } as const;

/** Reports both figures of ours against those of the two references. */
export async function run(): Promise<readonly string[]> {
  await installTools();
  await bringUp({ bare: false });
  const lab = openLab();
  const reference = await createReference();
  try {
    const [client, server] = await labPods(lab);
    const paths = {
      ours: { client, server },
      vxlan: { client: reference.pods[0], server: reference.pods[1] },
      veth: { client: reference.nodes[0], server: reference.nodes[1] },
    };
    const streams = await medians(paths, throughput, LENGTH);
    const rates = await medians(paths, requestRate, LENGTH);
    return (['vxlan', 'veth'] as const).flatMap((other) => [
      ratioLine(`TCP throughput against ${other}`, streams.ours, streams[other], 'Gbit/s'),
      ratioLine(`TCP request/response against ${other}`, rates.ours, rates[other], '1/s'),
    ]);
  } finally {
    await reference.remove();
    await lab.cleanup();
  }
}

/** One pod on each node, entered by its network namespace so that the measuring programs are the machine's own. */
async function labPods(lab: LabHandle): Promise<readonly [Place, Place]> {
  await lab.createNamespace(NAMESPACE);
  await lab.apply(
    lab.nodes.slice(0, 2).map((node) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: node, namespace: NAMESPACE },
      spec: { nodeName: node, containers: [{ name: 'idle', image: 'busybox:lab', command: ['sleep', '100000'] }] },
    })),
  );
  await lab.podsReady(NAMESPACE);
  const [first, second] = await Promise.all(
    lab.nodes.slice(0, 2).map((node) => placeOfPod(lab, { namespace: NAMESPACE, name: node, node })),
  );
  if (first === undefined || second === undefined) throw new Error('the datapath benchmark needs a lab of two nodes');
  return [first, second];
}
