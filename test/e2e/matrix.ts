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
];

const TCP_PORT = 8080;
const UDP_PORT = 8081;
const TIMEOUT_SECONDS = 2;
/** What must come about may need a moment after Ready, until the peer's node knows the pod; what must not, never may. */
const TRIES = 4;

interface Peer extends PodRef {
  readonly place: Place;
  readonly node: string;
  readonly address: string;
  /** The ClusterIP of the service whose only endpoint it is. */
  readonly service: string;
}

type Protocol = 'TCP' | 'UDP' | 'ICMP';

interface Probe {
  readonly title: string;
  readonly protocol: Protocol;
  readonly address: string;
  /** What a TCP or UDP target answers with; ICMP has nobody to name. */
  readonly answer: string;
  readonly expected: boolean;
}

/** Run by `npm run e2e -- matrix`. */
export async function suite(lab: LabHandle, report: Reporter): Promise<void> {
  const peers = await setUp(lab);
  for (const from of peers) await probeFrom(from, peers, { lab, report });
  for (const node of lab.nodes) await probeFromNode(node, peers, { lab, report });
  await probeDns(peers, { lab, report });
}

interface Context {
  readonly lab: LabHandle;
  readonly report: Reporter;
}

/** Two pods in each namespace, on two nodes; each answers on TCP and UDP with its own name, and has a service. */
async function setUp(lab: LabHandle): Promise<readonly Peer[]> {
  for (const { name, place } of NAMESPACES) {
    const annotations = place === 'default' ? {} : { 'opencontrail.org/isolation': 'true' };
    await lab.createNamespace(name, { annotations });
  }
  const places = lab.nodes.slice(0, 2).map((node, index) => ({ node, name: index === 0 ? 'near' : 'far' }));
  await lab.apply(NAMESPACES.flatMap(({ name }) => places.flatMap((at) => objectsFor(name, at))));
  for (const { name } of NAMESPACES) await lab.podsReady(name);
  const peers = NAMESPACES.flatMap(({ name, place }) => places.map((at) => ({ namespace: name, place, ...at })));
  return await Promise.all(
    peers.map(async (peer) => {
      const pod = await lab.get<{ status: { podIP: string } }>(['pod', peer.name, '-n', peer.namespace]);
      const service = await lab.get<{ spec: { clusterIP: string } }>(['service', peer.name, '-n', peer.namespace]);
      if (pod === undefined || service === undefined) throw new Error(`${peer.namespace}/${peer.name} is gone`);
      return { ...peer, address: pod.status.podIP, service: service.spec.clusterIP };
    }),
  );
}

function objectsFor(namespace: string, at: { readonly node: string; readonly name: string }): readonly object[] {
  const label = `${namespace}/${at.name}`;
  const serve = [
    `mkdir /www; echo ${label} > /www/index.html; httpd -p ${TCP_PORT} -h /www`,
    // udpsvd starts a process for each sender, so one silent peer does not hold up the next.
    `exec udpsvd -h 0.0.0.0 ${UDP_PORT} sh -c 'read -r line; echo ${label}'`,
  ].join('; ');
  return [
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: at.name, namespace, labels: { peer: at.name } },
      spec: {
        nodeName: at.node,
        terminationGracePeriodSeconds: 0,
        containers: [
          {
            name: 'peer',
            image: 'docker.io/library/busybox:lab',
            imagePullPolicy: 'Never',
            command: ['sh', '-c', serve],
            readinessProbe: { tcpSocket: { port: TCP_PORT }, periodSeconds: 1 },
          },
        ],
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: at.name, namespace },
      spec: {
        selector: { peer: at.name },
        ports: [
          { name: 'tcp', protocol: 'TCP', port: TCP_PORT },
          { name: 'udp', protocol: 'UDP', port: UDP_PORT },
        ],
      },
    },
  ];
}

async function probeFrom(from: Peer, peers: readonly Peer[], { lab, report }: Context): Promise<void> {
  const source = { place: from.place, label: `${from.namespace}/${from.name}`, node: from.node };
  const probes = [
    ...peers.filter((to) => to !== from).flatMap((to) => probesTo(to, source)),
    ...peers
      .filter((to) => to === from)
      .flatMap((to) =>
        probesTo(to, source).filter(({ protocol, title }) => protocol === 'TCP' && title.includes('service')),
      ),
    ...lab.nodes.map((node) => nodeProbe(node, lab.address(node), source)),
  ];
  await runProbes(probes, { report, run: async (script) => (await lab.execInPod(from, ['sh', '-c', script])).stdout });
}

/** From a node's own network: what the kubelet's probes, and hostNetwork pods, rely on. */
async function probeFromNode(node: string, peers: readonly Peer[], { lab, report }: Context): Promise<void> {
  const source = { place: 'node' as const, label: `node ${node}`, node };
  const probes = peers.flatMap((to) => probesTo(to, source));
  await runProbes(probes, {
    report,
    run: async (script) => (await lab.exec(node, ['busybox', 'sh', '-c', script])).stdout,
  });
}

interface Source {
  readonly place: Place;
  readonly label: string;
  readonly node: string;
}

function probesTo(to: Peer, source: Source): readonly Probe[] {
  const where = to.node === source.node ? 'same node' : 'other node';
  const probe = (kind: Kind, protocol: Protocol): Probe => ({
    title: `${source.label} → ${kind} ${to.namespace}/${to.name} (${where}) ${protocol}`,
    protocol,
    address: kind === 'service' ? to.service : to.address,
    answer: `${to.namespace}/${to.name}`,
    expected: isReachable(source.place, to.place, kind),
  });
  return [
    probe('pod', 'TCP'),
    probe('pod', 'UDP'),
    probe('pod', 'ICMP'),
    probe('service', 'TCP'),
    probe('service', 'UDP'),
  ];
}

function nodeProbe(node: string, address: string, source: Source): Probe {
  const where = node === source.node ? 'same node' : 'other node';
  const expected = isReachable(source.place, 'node', 'node');
  return { title: `${source.label} → node ${node} (${where}) ICMP`, protocol: 'ICMP', address, answer: '', expected };
}

interface Runner {
  readonly report: Reporter;
  /** Runs a busybox shell script at the source and answers what it printed. */
  readonly run: (script: string) => Promise<string>;
}

async function runProbes(probes: readonly Probe[], { report, run }: Runner): Promise<void> {
  let answers = parseAnswers(await run(scriptFor(probes.map((probe, index) => ({ probe, index })))));
  for (let tries = 1; tries < TRIES; tries += 1) {
    const missing = probes.flatMap((probe, index) =>
      probe.expected && !isAnswered(probe, answers.get(index)) ? [{ probe, index }] : [],
    );
    if (missing.length === 0) break;
    answers = new Map([...answers, ...parseAnswers(await run(`sleep 1; ${scriptFor(missing)}`))]);
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
function scriptFor(probes: readonly { readonly probe: Probe; readonly index: number }[]): string {
  return `${probes.map(({ probe, index }) => `(a=$(${commandFor(probe)}) && [ -n "$a" ] && echo "${index} $a") &`).join('\n')}\nwait`;
}

function commandFor({ protocol, address }: Probe): string {
  switch (protocol) {
    case 'TCP':
      return `busybox wget -T ${TIMEOUT_SECONDS} -qO- http://${address}:${TCP_PORT}/ 2>/dev/null`;
    case 'UDP':
      return `(echo hello; sleep ${TIMEOUT_SECONDS}) | busybox timeout ${TIMEOUT_SECONDS} busybox nc -u -w ${TIMEOUT_SECONDS} ${address} ${UDP_PORT} 2>/dev/null | busybox head -n 1`;
    case 'ICMP':
      return `busybox ping -c 1 -W ${TIMEOUT_SECONDS} ${address} >/dev/null 2>&1 && echo pong`;
    default:
      return protocol satisfies never;
  }
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
  for (const from of peers) {
    const name = `${from.name}.${from.namespace}.svc.cluster.local`;
    await report.check(`${from.namespace}/${from.name} resolves ${name}`, async () => {
      const { stdout } = await lab.execInPod(from, ['nslookup', name]);
      if (!stdout.includes(from.service)) throw new Error(`no ${from.service} in: ${stdout}`);
    });
  }
}
