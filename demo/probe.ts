/** Measures who reaches whom: one exec per source pod, which asks all targets at once. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LabHandle } from '../test/lab/handle.ts';
import { isExpected, port } from './world.ts';
import type { DemoPod } from './world.ts';

/** One measured connection. `wrong` says what was answered when another than the target answered. */
export interface Probe {
  readonly from: DemoPod;
  readonly to: DemoPod;
  readonly target: 'pod' | 'service';
  readonly expected: boolean;
  readonly reached: boolean;
  readonly wrong?: string;
}

interface Target {
  readonly to: DemoPod;
  readonly target: 'pod' | 'service';
  readonly address: string;
}

/** The last packet of a connection that is refused silently is waited for so long; the ones that work take milliseconds. */
const timeoutSeconds = 2;

/**
 * Probes every ordered pair of different pods, by the pod's address and by its service's. What should work and does not
 * is asked again twice, a second apart, since a peer's node may learn of a new pod a moment after the pod is Ready; what
 * must not work is never asked again.
 */
export async function probeAll(lab: LabHandle, pods: readonly DemoPod[]): Promise<readonly Probe[]> {
  const targets = await targetsOf(lab, pods);
  const perSource = pods.map(async (from) => {
    const concerned = targets.filter(({ to }) => to !== from);
    let probes = await probeFrom(lab, from, concerned);
    for (let again = 0; again < 2 && probes.some(isMissing); again += 1) {
      await sleep(1000);
      const repeated = await probeFrom(
        lab,
        from,
        probes.filter(isMissing).map((probe) => targetOf(targets, probe)),
      );
      probes = probes.map((probe) => repeated.find((other) => isSame(probe, other)) ?? probe);
    }
    return probes;
  });
  return (await Promise.all(perSource)).flat();
}

function isMissing(probe: Probe): boolean {
  return probe.expected && !probe.reached;
}

function isSame(one: Probe, other: Probe): boolean {
  return one.to === other.to && one.target === other.target;
}

function targetOf(targets: readonly Target[], probe: Probe): Target {
  const found = targets.find(({ to, target }) => to === probe.to && target === probe.target);
  if (found === undefined) throw new Error(`no target ${probe.to.namespace}/${probe.to.name}`);
  return found;
}

async function targetsOf(lab: LabHandle, pods: readonly DemoPod[]): Promise<readonly Target[]> {
  const addresses = await Promise.all(
    [...new Set(pods.map(({ namespace }) => namespace))].map(async (namespace) => {
      const path = '{range .items[*]}{.kind} {.metadata.name} {.status.podIP}{.spec.clusterIP}{"\\n"}{end}';
      const text = await lab.kubectl(['get', 'pods,services', '-n', namespace, '-o', `jsonpath=${path}`]);
      return text.split('\n').map((line) => [namespace, ...line.split(' ')]);
    }),
  );
  const find = (pod: DemoPod, kind: string): string => {
    const row = addresses
      .flat()
      .find(([namespace, of, name]) => namespace === pod.namespace && of === kind && name === pod.name);
    if (!row?.[3]) throw new Error(`${kind} ${pod.namespace}/${pod.name} has no address`);
    return row[3];
  };
  return pods.flatMap((to) => [
    { to, target: 'pod', address: find(to, 'Pod') },
    { to, target: 'service', address: find(to, 'Service') },
  ]);
}

async function probeFrom(lab: LabHandle, from: DemoPod, targets: readonly Target[]): Promise<readonly Probe[]> {
  const asks = targets.map(
    ({ address }, index) =>
      `(echo ${index} $(timeout ${timeoutSeconds} wget -q -O - http://${address}:${port}/ 2>/dev/null)) &`,
  );
  const script = [...asks, 'wait'].join('\n');
  const output = await lab.execInPod(from, ['sh', '-c', script]);
  if (output.code !== 0) throw new Error(`no probes from ${from.namespace}/${from.name}: ${output.stderr}`);
  const answers = new Map(output.stdout.split('\n').map((line) => [line.split(' ')[0], line.split(' ')[1]]));
  return targets.map((target, index) => probeOf(from, target, answers.get(String(index)) ?? ''));
}

function probeOf(from: DemoPod, { to, target }: Target, answer: string): Probe {
  const reached = answer !== '';
  const base = { from, to, target, reached, expected: isExpected(from, to, target) };
  return !reached || answer === `${to.namespace}/${to.name}` ? base : { ...base, wrong: answer };
}
