/** The reachability matrix by real packets: TCP, UDP and ICMP, pods and services, one node and two, and DNS. */
import type { LabHandle, PodRef } from '../lab/handle.ts';
import { isReachable, type Kind, type Place } from './reachability.ts';
import type { Reporter } from './reporter.ts';

/** Namespaces of the matrix; `default` is a pair, since "non-isolated" reaches across namespaces. */
const NAMESPACES: readonly { readonly name: string; readonly place: Place }[] = [
  { name: 'matrix-one', place: 'default' },
  { name: 'matrix-two', place: 'default' },
  { name: 'matrix-a', place: 'isolatedA' },
  { name: 'matrix-b', place: 'isolatedB' },
  { name: 'matrix-node', place: 'node' },
];

/** agnhost answers with its pod's hostname on both, and `/dial` on the first asks others for theirs. */
const POD_PORTS = { tcp: 8080, udp: 8081 };
/** The same for pods on the nodes' network. */
const NODE_PORTS = { tcp: 18_080, udp: 18_081 };
/** `/dial` gives up after five seconds. */
const TIMEOUT_SECONDS = 7;
/** What must come about may need a moment after Ready, until the peer's node knows the pod; what must not, never may. */
const TRIES = 4;

interface Peer extends PodRef {
  readonly place: Place;
  readonly node: string;
  /** What it answers with. */
  readonly answer: string;
  readonly ports: typeof POD_PORTS;
  readonly address: string;
  /** The ClusterIP of the service whose only endpoint it is; a node has none. */
  readonly service?: string;
}

type Protocol = 'TCP' | 'UDP' | 'ICMP';

interface Probe {
  readonly title: string;
  readonly protocol: Protocol;
  readonly address: string;
  readonly ports: typeof POD_PORTS;
  /** What a TCP or UDP target answers with; ICMP has nobody to name. */
  readonly answer: string;
  readonly expected: boolean;
}

/** Run by `npm run e2e -- matrix`. */
export async function suite(lab: LabHandle, report: Reporter): Promise<void> {
  const peers = await setUp(lab);
  for (const from of peers) await probeFrom(from, peers, { lab, report });
  await probeDns(peers, { lab, report });
}

interface Context {
  readonly lab: LabHandle;
  readonly report: Reporter;
}

/** Two pods in each namespace, on two nodes, each with a service, and one on the network of each of those nodes. */
async function setUp(lab: LabHandle): Promise<readonly Peer[]> {
  for (const { name, place } of NAMESPACES) {
    const isolated = place === 'isolatedA' || place === 'isolatedB';
    await lab.createNamespace(name, { annotations: isolated ? { 'opencontrail.org/isolation': 'true' } : {} });
  }
  const places = lab.nodes.slice(0, 2).map((node, index) => ({ node, name: index === 0 ? 'near' : 'far' }));
  const wanted = NAMESPACES.flatMap(({ name, place }) => places.map((at) => ({ namespace: name, place, ...at })));
  await lab.apply(wanted.flatMap(objectsFor));
  for (const { name } of NAMESPACES) await lab.podsReady(name);
  return await Promise.all(wanted.map(async (peer) => await peerFor(peer, lab)));
}

type Wanted = Omit<Peer, 'address' | 'service' | 'answer' | 'ports'>;

async function peerFor(wanted: Wanted, lab: LabHandle): Promise<Peer> {
  const { namespace, name, place, node } = wanted;
  const pod = await lab.get<{ status: { podIP: string } }>(['pod', name, '-n', namespace]);
  if (pod === undefined) throw new Error(`${namespace}/${name} is gone`);
  const base = { ...wanted, container: 'shell', address: pod.status.podIP };
  if (place === 'node') return { ...base, answer: node, ports: NODE_PORTS };
  const service = await lab.get<{ spec: { clusterIP: string } }>(['service', name, '-n', namespace]);
  if (service === undefined) throw new Error(`service ${namespace}/${name} is gone`);
  return { ...base, answer: hostnameOf(wanted), ports: POD_PORTS, service: service.spec.clusterIP };
}

function hostnameOf({ namespace, name }: Wanted): string {
  return `${namespace}-${name}`;
}

function objectsFor(wanted: Wanted): readonly object[] {
  const { namespace, name, node, place } = wanted;
  const onNode = place === 'node';
  const { tcp, udp } = onNode ? NODE_PORTS : POD_PORTS;
  const image = { imagePullPolicy: 'Never' };
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: { peer: name } },
    spec: {
      nodeName: node,
      terminationGracePeriodSeconds: 0,
      ...(onNode ? { hostNetwork: true } : { hostname: hostnameOf(wanted) }),
      containers: [
        {
          ...image,
          name: 'peer',
          image: 'docker.io/library/agnhost:lab',
          args: ['netexec', `--http-port=${tcp}`, `--udp-port=${udp}`],
          readinessProbe: { httpGet: { path: '/hostname', port: tcp }, periodSeconds: 1 },
        },
        { ...image, name: 'shell', image: 'docker.io/library/busybox:lab' },
      ],
    },
  };
  if (onNode) return [pod];
  const ports = [
    { name: 'tcp', protocol: 'TCP', port: tcp },
    { name: 'udp', protocol: 'UDP', port: udp },
  ];
  return [
    pod,
    { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec: { selector: { peer: name }, ports } },
  ];
}

async function probeFrom(from: Peer, peers: readonly Peer[], { lab, report }: Context): Promise<void> {
  // A pod asks itself through its service too: that is the hairpin.
  const probes = peers.flatMap((to) => [...(to === from ? [] : direct(from, to)), ...throughService(from, to)]);
  await runProbes(probes, {
    report,
    run: async (script) => (await lab.execInPod(from, ['sh', '-c', script])).stdout,
    from,
  });
}

function direct(from: Peer, to: Peer): readonly Probe[] {
  const kind = to.place === 'node' ? 'node' : 'pod';
  return (['TCP', 'UDP', 'ICMP'] as const).map((protocol) => probe({ from, to, kind, protocol }, to.address));
}

function throughService(from: Peer, to: Peer): readonly Probe[] {
  const { service } = to;
  if (service === undefined) return [];
  return (['TCP', 'UDP'] as const).map((protocol) => probe({ from, to, kind: 'service', protocol }, service));
}

interface Relation {
  readonly from: Peer;
  readonly to: Peer;
  readonly kind: Kind;
  readonly protocol: Protocol;
}

function probe({ from, to, kind, protocol }: Relation, address: string): Probe {
  const where = to === from ? 'itself' : to.node === from.node ? 'same node' : 'other node';
  return {
    title: `${from.namespace}/${from.name} → ${kind} ${to.namespace}/${to.name} (${where}) ${protocol}`,
    protocol,
    address,
    ports: to.ports,
    answer: to.answer,
    expected: isReachable(from.place, to.place, kind),
  };
}

interface Runner {
  readonly report: Reporter;
  /** Runs a busybox shell script at the source and answers what it printed. */
  readonly run: (script: string) => Promise<string>;
  readonly from: Peer;
}

async function runProbes(probes: readonly Probe[], { report, run, from }: Runner): Promise<void> {
  let answers = parseAnswers(
    await run(
      scriptFor(
        probes.map((probe, index) => ({ probe, index })),
        from,
      ),
    ),
  );
  for (let tries = 1; tries < TRIES; tries += 1) {
    const missing = probes.flatMap((probe, index) =>
      probe.expected && !isAnswered(probe, answers.get(index)) ? [{ probe, index }] : [],
    );
    if (missing.length === 0) break;
    answers = new Map([...answers, ...parseAnswers(await run(`sleep 1; ${scriptFor(missing, from)}`))]);
  }
  for (const [index, probe] of probes.entries()) judge(probe, answers.get(index), report);
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

/** The cluster's DNS is a service of a namespace that is not isolated: everybody may ask it. */
async function probeDns(peers: readonly Peer[], { lab, report }: Context): Promise<void> {
  for (const from of peers.filter(({ place }) => place !== 'node')) {
    const name = `${from.name}.${from.namespace}.svc.cluster.local`;
    await report.check(`${from.namespace}/${from.name} resolves ${name}`, async () => {
      const { stdout } = await lab.execInPod(from, ['nslookup', name]);
      if (!stdout.includes(String(from.service))) throw new Error(`no ${String(from.service)} in: ${stdout}`);
    });
  }
}
