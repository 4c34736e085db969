/** Pods that answer with their names over TCP, UDP and ICMP, and all of one pod's questions at once: the tools of the matrices. */
import type { LabHandle, PodRef } from '../lab/handle.ts';
import type { Reporter } from './reporter.ts';

/** agnhost answers with its pod's hostname on both, and `/dial` on the first asks others for theirs. */
const POD_PORTS = { tcp: 8080, udp: 8081 };
/** The same for pods on the nodes' network. */
const NODE_PORTS = { tcp: 18_080, udp: 18_081 };
/** `/dial` gives up after five seconds. */
const TIMEOUT_SECONDS = 7;
/** What must come about may need a moment after Ready, until the peer's node knows the pod; what must not, never may. */
const TRIES = 4;

/** A pod to make. */
export interface PeerSpec {
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly hostNetwork?: boolean;
}

/** A pod that runs. */
export interface Peer extends PodRef {
  readonly node: string;
  /** What it answers with. */
  readonly answer: string;
  readonly ports: typeof POD_PORTS;
  readonly address: string;
  /** The ClusterIP of the service whose only endpoint it is; absent where it has none. */
  readonly service?: string;
}

export type Protocol = 'TCP' | 'UDP' | 'ICMP';
export const PROTOCOLS: readonly Protocol[] = ['TCP', 'UDP', 'ICMP'];

export interface Probe {
  readonly title: string;
  readonly protocol: Protocol;
  readonly address: string;
  readonly ports: typeof POD_PORTS;
  /** What a TCP or UDP target answers with; ICMP has nobody to name. */
  readonly answer: string;
  readonly expected: boolean;
}

export interface ProbeContext {
  readonly lab: LabHandle;
  readonly report: Reporter;
}

export function peerPod(spec: PeerSpec): object {
  const { namespace, name, node, labels = {}, annotations = {}, hostNetwork = false } = spec;
  const { tcp, udp } = hostNetwork ? NODE_PORTS : POD_PORTS;
  const image = { imagePullPolicy: 'Never' };
  const peer = {
    ...image,
    name: 'peer',
    image: 'docker.io/library/agnhost:lab',
    args: ['netexec', `--http-port=${tcp}`, `--udp-port=${udp}`],
    readinessProbe: { httpGet: { path: '/hostname', port: tcp }, periodSeconds: 1 },
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: { peer: name, ...labels }, annotations },
    spec: {
      nodeName: node,
      terminationGracePeriodSeconds: 0,
      ...(hostNetwork ? { hostNetwork } : { hostname: hostnameOf(spec) }),
      containers: [peer, { ...image, name: 'shell', image: 'docker.io/library/busybox:lab' }],
    },
  };
}

/** A Service whose only endpoint a peer is, on the peer's own ports. */
export function peerService({ namespace, name, labels = {} }: PeerSpec): object {
  const ports = [
    { name: 'tcp', protocol: 'TCP', port: POD_PORTS.tcp },
    { name: 'udp', protocol: 'UDP', port: POD_PORTS.udp },
  ];
  const metadata = { name, namespace, labels };
  return { apiVersion: 'v1', kind: 'Service', metadata, spec: { selector: { peer: name }, ports } };
}

/** A peer as it runs, with its Service where it has one; waits until it can ask. */
export async function readPeer(spec: PeerSpec, lab: LabHandle): Promise<Peer> {
  const { namespace, name, node, hostNetwork = false } = spec;
  const url = `http://127.0.0.1:${(hostNetwork ? NODE_PORTS : POD_PORTS).tcp}/hostname`;
  const serves = async (): Promise<boolean> => {
    const { code } = await lab.execInPod({ namespace, name, container: 'shell' }, [
      'timeout',
      '5',
      'wget',
      '-qO-',
      url,
    ]);
    return code === 0;
  };
  await lab.waitFor(`${namespace}/${name} to serve`, async () => (await serves()) || undefined, { timeoutMs: 120_000 });
  const pod = await lab.get<{ status: { podIP: string } }>(['pod', name, '-n', namespace]);
  if (pod === undefined) throw new Error(`${namespace}/${name} is gone`);
  const base = { namespace, name, node, container: 'shell', address: pod.status.podIP };
  if (hostNetwork) return { ...base, answer: node, ports: NODE_PORTS };
  const service = await lab.get<{ spec: { clusterIP: string } }>(['service', name, '-n', namespace]);
  const reached = service === undefined ? {} : { service: service.spec.clusterIP };
  return { ...base, answer: hostnameOf(spec), ports: POD_PORTS, ...reached };
}

/** A question of one peer to another, at one of its addresses. */
export function probeBetween(
  from: Peer,
  to: Peer,
  { kind, protocol, expected }: { readonly kind: string; readonly protocol: Protocol; readonly expected: boolean },
): Probe {
  const where = to === from ? 'itself' : to.node === from.node ? 'same node' : 'other node';
  return {
    title: `${from.namespace}/${from.name} → ${kind} ${to.namespace}/${to.name} (${where}) ${protocol}`,
    protocol,
    address: kind === 'service' ? (to.service ?? '') : to.address,
    ports: to.ports,
    answer: to.answer,
    expected,
  };
}

/** Asks everything at once, and again what should have been answered and was not; reports each. */
export async function runProbes(from: Peer, probes: readonly Probe[], { lab, report }: ProbeContext): Promise<void> {
  const run = async (script: string): Promise<string> => (await lab.execInPod(from, ['sh', '-c', script])).stdout;
  const all = probes.map((probe, index) => ({ probe, index }));
  let answers = parseAnswers(await run(scriptFor(all, from)));
  for (let tries = 1; tries < TRIES; tries += 1) {
    const missing = all.filter(({ probe, index }) => probe.expected && !isAnswered(probe, answers.get(index)));
    if (missing.length === 0) break;
    answers = new Map([...answers, ...parseAnswers(await run(`sleep 1; ${scriptFor(missing, from)}`))]);
  }
  for (const { probe, index } of all) judge(probe, answers.get(index), report);
}

function hostnameOf({ namespace, name }: PeerSpec): string {
  return `${namespace}-${name}`;
}

function judge(probe: Probe, answer: string | undefined, report: Reporter): void {
  const title = `${probe.title} ${probe.expected ? 'answers' : 'is refused'}`;
  if (isAnswered(probe, answer) === probe.expected) report.ok(title);
  else report.failed(title, answer === undefined || answer === '' ? 'no answer' : `answered "${answer}"`);
}

/** A wrong name is no answer where one is wanted, and any answer is one where none may come. */
function isAnswered(probe: Probe, answer: string | undefined): boolean {
  if (answer === undefined || answer === '') return false;
  return !probe.expected || probe.protocol === 'ICMP' || answer === probe.answer;
}

/** All probes at once; each prints `<index> <answer>` when something answered. */
function scriptFor(probes: readonly { readonly probe: Probe; readonly index: number }[], from: Peer): string {
  const lines = probes.map(
    ({ probe, index }) => `(a=$(${commandFor(probe, from)}) && [ -n "$a" ] && echo "${index} $a") &`,
  );
  return `${lines.join('\n')}\nwait`;
}

/** TCP and UDP are asked by the server of the source itself, which answers `{"responses":["<hostname>"]}` or `{"errors":…}`. */
function commandFor({ protocol, address, ports }: Probe, from: Peer): string {
  if (protocol === 'ICMP') return `ping -c 1 -W 2 ${address} >/dev/null 2>&1 && echo pong`;
  const ask = protocol === 'TCP' ? `protocol=http&port=${ports.tcp}` : `protocol=udp&port=${ports.udp}`;
  const url = `http://127.0.0.1:${from.ports.tcp}/dial?host=${address}&${ask}&request=hostname&tries=1`;
  return `timeout ${TIMEOUT_SECONDS} wget -qO- '${url}' | sed -n 's/.*"responses":\\["\\([^"]*\\)"\\].*/\\1/p'`;
}

function parseAnswers(text: string): ReadonlyMap<number, string> {
  const rows = text.split('\n').flatMap((line) => {
    const match = /^(\d+) (.*)$/.exec(line);
    return match === null ? [] : [[Number(match[1]), match[2] ?? ''] as const];
  });
  return new Map(rows);
}
