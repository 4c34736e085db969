/** Pods that ask each other, and what a policy world says of it: every pair of pods, two TCP ports and one of UDP, by packets. */
import { isDeepStrictEqual } from 'node:util';
import type { LabHandle } from '../lab/handle.ts';
import type { Observed } from './explained.ts';
import { podManifest, shell } from './pods.ts';
import type { Reporter } from './reporter.ts';
import { egressAllowed, ingressAllowed, type Pod, type World } from '../policy/reference.ts';

/** Asked for from every pod at every other one. */
const PORTS = [
  { protocol: 'TCP', port: 8080 },
  { protocol: 'TCP', port: 8081 },
  { protocol: 'UDP', port: 8082 },
] as const;

const SETTLE_MS = 20_000;

/** A pod that answers on all of them; its first TCP port is named `web` on `web`, which may be the other one. */
export function policyPod(pod: Pod, node: string, web: 8080 | 8081): object {
  const image = { imagePullPolicy: 'Never' };
  const server = (name: string, port: number, udp: number) => ({
    ...image,
    name,
    image: 'docker.io/library/agnhost:lab',
    args: ['netexec', `--http-port=${port}`, `--udp-port=${udp}`],
    ...(web === port ? { ports: [{ name: 'web', containerPort: port }] } : {}),
    readinessProbe: { httpGet: { path: '/hostname', port }, periodSeconds: 1 },
  });
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: pod.namespace, name: pod.name, labels: pod.labels },
    spec: {
      nodeName: node,
      terminationGracePeriodSeconds: 0,
      containers: [
        server('first', 8080, 8082),
        server('second', 8081, -1),
        { ...image, name: 'shell', image: 'docker.io/library/busybox:lab' },
      ],
    },
  };
}

/** Every pair's questions, and whether they are answered by the documentation. */
export function expectedFlows(world: World): readonly Observed[] {
  return world.pods.flatMap((from) =>
    world.pods.filter((to) => to !== from).flatMap((to) => PORTS.map((at) => expectedFlow(world, [from, to], at))),
  );
}

function expectedFlow(world: World, [from, to]: readonly [Pod, Pod], { protocol, port }: Port): Observed {
  const [ip = ''] = to.ips;
  const flow = { from: { ip: from.ips[0] ?? '', pod: from }, to: { ip, pod: to }, protocol, port };
  const isPassed = ingressAllowed(world, flow) && egressAllowed(world, flow);
  return { title: lineOf(from, to, { protocol, port }), from, to: ip, protocol, port, isPassed };
}

/** Asks until the answers are the expected ones, and once more then: what is refused must stay so. Answers what differs. */
export async function differences(world: World, lab: LabHandle): Promise<readonly string[]> {
  const wanted = expectedFlows(world)
    .flatMap(({ title, isPassed }) => (isPassed ? [title] : []))
    .sort();
  let got: readonly string[] = [];
  for (const end = Date.now() + SETTLE_MS; Date.now() < end; ) {
    got = await answers(world, lab);
    if (isDeepStrictEqual(got, wanted)) break;
  }
  got = await answers(world, lab);
  const [have, want] = [new Set(got), new Set(wanted)];
  return [
    ...got.filter((line) => !want.has(line)).map((line) => `${line} answers`),
    ...wanted.filter((line) => !have.has(line)).map((line) => `${line} is refused`),
  ];
}

async function answers(world: World, lab: LabHandle): Promise<readonly string[]> {
  const perPod = await Promise.all(
    world.pods.map(async (from) => {
      const probes = world.pods.filter((to) => to !== from).flatMap((to) => PORTS.map((at) => probe(from, to, at)));
      const script = `${probes.join('\n')}\nwait`;
      const at = { namespace: from.namespace, name: from.name, container: 'shell' };
      return (await lab.execInPod(at, ['sh', '-c', script])).stdout.split('\n').filter((line) => line !== '');
    }),
  );
  return perPod.flat().sort();
}

type Port = Pick<(typeof PORTS)[number], 'protocol' | 'port'>;

function probe(from: Pod, to: Pod, at: Port): string {
  const ip = to.ips[0] ?? '';
  const dial = `http://127.0.0.1:8080/dial?host=${ip}&protocol=udp&port=${at.port}&request=hostname&tries=1`;
  const ask =
    at.protocol === 'TCP'
      ? `printf 'GET /hostname HTTP/1.0\\r\\n\\r\\n' | timeout 2 nc -w 1 ${ip} ${at.port} | tail -1 | grep -qx ${to.name}`
      : `timeout 2 wget -qO- '${dial}' | grep -q '"responses":."${to.name}"'`;
  return `(${ask} && echo "${lineOf(from, to, at)}") &`;
}

function lineOf(from: Pod, to: Pod, { protocol, port }: Port): string {
  return `${from.namespace}/${from.name} → ${to.namespace}/${to.name} ${protocol} ${port}`;
}

/**
 * Pods that ask a target from their first instruction on, one for each name, which never may be answered. They are labelled
 * `app: silent`, which is what their policy selects, and gone at the end.
 */
export async function silentFromTheStart(
  { lab, report }: { readonly lab: LabHandle; readonly report: Reporter },
  pods: {
    readonly namespace: string;
    readonly names: readonly { readonly node: string; readonly name: string }[];
    readonly target: string;
    /** How often each asks. */
    readonly tries: number;
  },
): Promise<void> {
  const { namespace, names, target, tries } = pods;
  const ask = `printf 'GET /hostname HTTP/1.0\\r\\n\\r\\n' | timeout 1 nc -w 1 ${target} 8080 | tail -1`;
  const script = `exec 2>/dev/null; i=0; while [ $i -lt ${tries} ]; do [ -z "$(${ask})" ] || echo leaked; i=$((i+1)); done; echo done; exec /pause`;
  await lab.apply(
    names.map(({ node, name }) => podManifest({ namespace, name, node, labels: { app: 'silent' } }, shell(script))),
  );
  for (const { name } of names) {
    const log = await lab.waitFor(`${name} to have asked`, async () => {
      const { stdout } = await lab.tryKubectl(['logs', '-n', namespace, name]);
      return stdout.includes('done') && stdout;
    });
    report.equal(`${name} reaches nothing from its first instruction on`, log.trim(), 'done');
  }
  await lab.kubectl(['delete', 'pods', '-n', namespace, '-l', 'app=silent', '--now']);
}
