/** TCP throughput and request/response rate between pods of two nodes, against the bare veth path between nodes and a VXLAN without our rules. */
import { openLab } from '../test/lab/handle.ts';
import type { LabHandle } from '../test/lab/handle.ts';
import { machineCommand } from '../test/lab/machine.ts';
import { bringUp } from '../test/lab/up.ts';
import { type Ends, installTools, type Place, requestRate, throughput } from './flows.ts';
import { createReference } from './reference-vxlan.ts';
import { percentile, ratioLine } from './statistics.ts';

const NAMESPACE = 'bench-datapath';
const ROUNDS = 5;
const SECONDS = 3;

interface Path extends Ends {
  readonly name: string;
}

/** Measures the three paths in turn, several rounds, and reports medians: an interruption of one round favours nobody. */
export async function run(): Promise<readonly string[]> {
  await installTools();
  await bringUp({ bare: false });
  const lab = openLab();
  const reference = await createReference();
  try {
    const [client, server] = await labPods(lab);
    const paths: readonly Path[] = [
      { name: 'ours', client, server },
      { name: 'vxlan', client: reference.pods[0], server: reference.pods[1] },
      { name: 'veth', client: reference.nodes[0], server: reference.nodes[1] },
    ];
    const streams = await measure(paths, throughput);
    const rates = await measure(paths, requestRate);
    return (['vxlan', 'veth'] as const).flatMap((other) => [
      ratioLine(`TCP throughput against ${other}`, streams['ours'] ?? 0, streams[other] ?? 0, 'Gbit/s'),
      ratioLine(`TCP request/response against ${other}`, rates['ours'] ?? 0, rates[other] ?? 0, '1/s'),
    ]);
  } finally {
    await reference.remove();
    await lab.cleanup();
  }
}

async function measure(
  paths: readonly Path[],
  figureOf: (ends: Ends, seconds: number) => Promise<number>,
): Promise<Record<string, number>> {
  const samples: Record<string, number[]> = Object.fromEntries(paths.map(({ name }) => [name, []]));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const path of paths) samples[path.name]?.push(await figureOf(path, SECONDS));
  }
  return Object.fromEntries(Object.entries(samples).map(([name, figures]) => [name, percentile(figures, 0.5)]));
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
  const [first, second] = await Promise.all(lab.nodes.slice(0, 2).map((node) => placeOf(lab, node)));
  if (first === undefined || second === undefined) throw new Error('the datapath benchmark needs a lab of two nodes');
  return [first, second];
}

async function placeOf(lab: LabHandle, node: string): Promise<Place> {
  const address = await lab.kubectl(['get', 'pod', '-n', NAMESPACE, node, '-o', 'jsonpath={.status.podIP}']);
  const find = `for n in /run/netns/*; do ip -n $(basename $n) -4 addr show eth0 2>/dev/null | grep -q 'inet ${address}/' && basename $n && exit; done`;
  const { stdout } = await lab.exec(node, ['sh', '-c', find]);
  const name = stdout.trim();
  if (name === '') throw new Error(`no network namespace on ${node} holds ${address}`);
  return { enter: machineCommand(node, ['ip', 'netns', 'exec', name]), address };
}
