/**
 * Services against kube-proxy in nftables mode: new connections with few and with many, an endpoint's change until it is in force, many
 * from nothing; and an Ingress against HAProxy alone. kube-proxy has nodes of its own beside the lab's, joined alike, and no other rule;
 * pods there have the addresses of the lab's, so that both serve the same Services.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { takeDown } from '../test/lab/down.ts';
import { type LabHandle, openLab } from '../test/lab/handle.ts';
import { machineCommand } from '../test/lab/machine.ts';
import { say } from '../test/lab/progress.ts';
import { bringUp } from '../test/lab/up.ts';
import { installTools, type Place } from './flows.ts';
import { hold } from './held.ts';
import { ingressRequests } from './ingress-requests.ts';
import { createKubeProxies, type KubeProxies, weighingAs } from './kube-proxy.ts';
import { createReference, type Reference } from './reference-vxlan.ts';
import { changeTimes, type KernelWatch, watchKernels } from './service-changes.ts';
import { type Connecting, connecting, waysTo } from './service-connections.ts';
import { OURS, standing, starting, THEIRS } from './service-start.ts';
import { createServiceWorld, type ServiceOfWorld, type ServiceWorld } from './service-world.ts';
import { percentile, ratioLine } from './statistics.ts';

const FEW = 10;
const CHANGED = { services: 1_000, endpoints: 10 } as const;
const MANY = { services: 5_000, endpoints: 2 } as const;
/** Of endpoints: rounds in turn, and changes in each. */
const ROUNDS = 5;
const CHANGES = 20;
/** Those before them, by which whoever was held finds what has gone meanwhile: connections, and answers to probes. */
const UNCOUNTED = 4;

interface Size {
  readonly services: number;
  readonly endpoints: number;
}

interface Bench {
  readonly lab: LabHandle;
  readonly world: ServiceWorld;
  readonly reference: Pick<Reference, 'nodes' | 'pods'>;
  readonly proxies: KubeProxies;
}

/** Brings the lab up, and leaves none behind. */
export async function run(): Promise<readonly string[]> {
  await installTools();
  await bringUp({ bare: false });
  const lab = openLab();
  const world = await createServiceWorld(lab);
  const reference = await createReference([world.ends.client.address, world.ends.server.address]);
  const [first, second] = reference.nodes;
  const nodes = [weighingAs(lab.nodes[0] ?? '', first), weighingAs(lab.nodes[1] ?? '', second)] as const;
  const proxies = await createKubeProxies(lab.nodes, nodes);
  try {
    return await measured({ lab, world, reference: { nodes, pods: reference.pods }, proxies });
  } finally {
    await proxies.close();
    await reference.remove();
    await lab.cleanup();
    await takeDown();
  }
}

/** Each figure is told as it comes, too: the whole takes a while. */
async function measured(bench: Bench): Promise<readonly string[]> {
  const { lab, world, reference, proxies } = bench;
  const lines: string[] = [];
  const report = (...more: readonly string[]): void => {
    more.forEach((line) => say(`  ${line}`));
    lines.push(...more);
  };
  const ingress = await ingressRequests(lab, { service: world.measured, server: world.ends.server });
  report(ratioLine('Ingress requests against HAProxy alone', ingress.ours, ingress.alone, '1/s'));
  proxies.start();
  await grown(bench, { services: FEW, endpoints: 1 });
  const few = await connections(bench);
  report(...connectionLines(FEW, few));
  report(...(await endpointChanges(bench, await grown(bench, CHANGED))));
  const last = await grown(bench, MANY);
  const many = await connections(bench);
  report(...connectionLines(MANY.services, many));
  const [some, all] = [few.ours.perSecond, many.ours.perSecond];
  report(ratioLine(`new connections with ${MANY.services} Services against ${FEW}`, all, some, '1/s'));
  await proxies.end();
  const { ours, kubeProxy } = await starting({ lab, proxies, node: reference.nodes[0], last, count: MANY.services });
  report(ratioLine(`${MANY.services} Services from nothing against kube-proxy`, ours, kubeProxy, 's'));
  return lines;
}

type Connections = Readonly<Record<'ours' | 'oursToPod' | 'kubeProxy' | 'kubeProxyToPod', Connecting>>;

async function connections({ world: { measured, ends }, reference: { pods } }: Bench): Promise<Connections> {
  const [ours, theirs] = [waysTo(measured, ends), waysTo(measured, { client: pods[0], server: pods[1] })];
  return await connecting({
    ours: ours.service,
    kubeProxy: theirs.service,
    oursToPod: ours.pod,
    kubeProxyToPod: theirs.pod,
  });
}

function connectionLines(
  services: number,
  { ours, oursToPod, kubeProxy, kubeProxyToPod }: Connections,
): readonly string[] {
  const among = `new connections through one of ${services} Services`;
  return [
    ratioLine(`${among} against kube-proxy`, ours.perSecond, kubeProxy.perSecond, '1/s'),
    ratioLine(`${among} against kube-proxy, p99`, ours.p99Ms, kubeProxy.p99Ms, 'ms'),
    ratioLine(`${among} against the pod itself`, ours.perSecond, oursToPod.perSecond, '1/s'),
    ratioLine(`kube-proxy’s, against its pod itself`, kubeProxy.perSecond, kubeProxyToPod.perSecond, '1/s'),
  ];
}

/** Adds Services, and waits until all of them stand in all four kernels; answers the last. */
async function grown({ lab, world, reference }: Bench, { services, endpoints }: Size): Promise<ServiceOfWorld> {
  const last = await world.grow(services, endpoints);
  const kernels = [
    ...oursOf(lab).map((place) => ({ place, map: OURS })),
    ...reference.nodes.map((place) => ({ place, map: THEIRS })),
  ];
  for (const { place, map } of kernels)
    await lab.waitFor(`${services} Services in ${map}`, async () => (await standing(place, map)) >= services, {
      timeoutMs: 900_000,
      everyMs: 2000,
    });
  // What else that set off has its time.
  await sleep(5000);
  return last;
}

/** In turns, the others held. */
async function endpointChanges(
  { lab, world, reference, proxies }: Bench,
  service: ServiceOfWorld,
): Promise<readonly string[]> {
  const [ours, theirs] = [await watchKernels(oursOf(lab)), await watchKernels(reference.nodes)];
  const samples = { ours: [] as number[], kubeProxy: [] as number[] };
  const change = async (watch: KernelWatch, text: string): Promise<readonly number[]> => {
    const times = await changeTimes({ world, service }, { watch, text, count: UNCOUNTED + CHANGES });
    return times.slice(UNCOUNTED);
  };
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      proxies.hold(true);
      samples.ours.push(...(await change(ours, `${service.address} . tcp`)));
      proxies.hold(false);
      await hold(lab, true);
      try {
        // It catches up with what it has missed.
        await sleep(3000);
        samples.kubeProxy.push(...(await change(theirs, service.key)));
      } finally {
        await hold(lab, false);
      }
    }
  } finally {
    proxies.hold(false);
    await Promise.all([ours.stop(), theirs.stop()]);
  }
  const what = `an endpoint changed among ${CHANGED.services} Services × ${CHANGED.endpoints} → in force on ${lab.nodes.length} nodes`;
  return [0.5, 0.99].map((p) =>
    ratioLine(
      `${what} against kube-proxy, p${p * 100}`,
      percentile(samples.ours, p),
      percentile(samples.kubeProxy, p),
      'ms',
    ),
  );
}

function oursOf(lab: LabHandle): readonly Pick<Place, 'enter'>[] {
  return lab.nodes.slice(0, 2).map((node) => ({ enter: machineCommand(node, []) }));
}
