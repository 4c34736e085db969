/**
 * The reachability matrix by real packets: every mode, TCP, UDP and ICMP, pods and services, one node and two, and DNS; the same
 * again after workers, node agents and vRouters have been restarted.
 */
import type { LabHandle } from '../lab/handle.ts';
import { addressesOf } from '../lab/stack.ts';
import { contradictions } from './explained.ts';
import {
  type Peer,
  type PeerSpec,
  PROTOCOLS,
  type Probe,
  type ProbeContext,
  peerPod,
  peerService,
  probeBetween,
  readPeer,
  runProbes,
} from './peers.ts';
import { hasDns, isReachable, type Place } from './reachability.ts';
import type { Reporter } from './reporter.ts';

type Annotations = Readonly<Record<string, string>>;

const APP = 'opencontrail.org/name';
const NETWORK = 'opencontrail.org/network';
const ISOLATED: Annotations = { 'opencontrail.org/isolation': 'true' };
const NAMESPACES: readonly { readonly name: string; readonly annotations?: Annotations }[] = [
  { name: 'matrix-one' },
  { name: 'matrix-two' },
  { name: 'matrix-a', annotations: ISOLATED },
  { name: 'matrix-b', annotations: ISOLATED },
  { name: 'matrix-apps', annotations: { 'opencontrail.org/isolation': 'app' } },
  { name: 'matrix-x', annotations: { [NETWORK]: 'x' } },
  { name: 'matrix-y' },
  { name: 'matrix-node' },
];

interface Home extends Pick<PeerSpec, 'namespace' | 'labels' | 'annotations' | 'hostNetwork'> {
  readonly place: Place;
  /** What the names of its pods begin with, where others are in the namespace. */
  readonly prefix?: string;
}

/** Where pods are: `default` and `custom` twice, since both reach across namespaces. */
const HOMES: readonly Home[] = [
  { namespace: 'matrix-one', place: 'default' },
  { namespace: 'matrix-two', place: 'default' },
  { namespace: 'matrix-a', place: 'isolatedA' },
  { namespace: 'matrix-b', place: 'isolatedB' },
  {
    namespace: 'matrix-apps',
    place: 'appWeb',
    prefix: 'web-',
    labels: { [APP]: 'web' },
    annotations: { 'opencontrail.org/services': '["db"]' },
  },
  { namespace: 'matrix-apps', place: 'appDb', prefix: 'db-', labels: { [APP]: 'db' } },
  { namespace: 'matrix-apps', place: 'appNone', prefix: 'none-' },
  { namespace: 'matrix-x', place: 'custom' },
  { namespace: 'matrix-y', place: 'custom', annotations: { [NETWORK]: 'matrix-x/x' } },
  {
    namespace: 'matrix-y',
    place: 'customClosed',
    prefix: 'closed-',
    annotations: { [NETWORK]: 'closed' },
  },
  { namespace: 'matrix-node', place: 'node', hostNetwork: true },
];
/** Sources that ask at once. */
const AT_ONCE = 2;

type Placed<T> = T & { readonly place: Place };

/** Run by `npm run e2e -- matrix`. */
export async function suite(lab: LabHandle, report: Reporter): Promise<void> {
  const context = { lab, report };
  const peers = await setUp(lab);
  await probeAll(peers, peers, context);
  await explainAll(peers, context);
  await probeDns(peers, context);
  await restart(context);
  // From one node there are neighbours on it and on the other.
  await probeAll(
    peers.filter(({ node }) => node === lab.nodes[0]),
    peers,
    context,
  );
}

/** Two pods in each place, on two nodes, each with a service. */
async function setUp(lab: LabHandle): Promise<readonly Placed<Peer>[]> {
  for (const { name, annotations = {} } of NAMESPACES) {
    await lab.createNamespace(name, { annotations });
  }
  const own = lab.stack === 'ipv6' ? ['fd00:46::/64', 'fd00:46:1::/64'] : ['10.46.0.0/24', '10.46.1.0/24'];
  await lab.apply([
    network('matrix-x', 'x', { subnets: [{ cidr: own[0] }], sharing: { namespaces: ['matrix-y'] } }),
    network('matrix-y', 'closed', { subnets: [{ cidr: own[1] }], serviceAccess: false }),
  ]);
  const places = lab.nodes.slice(0, 2).map((node, index) => ({ node, suffix: index === 0 ? 'near' : 'far' }));
  const wanted = HOMES.flatMap(({ prefix = '', ...home }) =>
    places.map(({ node, suffix }) => ({ ...home, node, name: `${prefix}${suffix}` })),
  );
  await lab.apply(wanted.flatMap((spec) => [peerPod(spec), ...(spec.place === 'node' ? [] : [peerService(spec)])]));
  for (const { name } of NAMESPACES) await lab.podsReady(name);
  return await Promise.all(wanted.map(async (spec) => ({ ...(await readPeer(spec, lab)), place: spec.place })));
}

function network(namespace: string, name: string, spec: object): object {
  return { apiVersion: 'opencontrail.org/v1alpha1', kind: 'VirtualNetwork', metadata: { namespace, name }, spec };
}

async function probeAll(
  sources: readonly Placed<Peer>[],
  peers: readonly Placed<Peer>[],
  context: ProbeContext,
): Promise<void> {
  for (let first = 0; first < sources.length; first += AT_ONCE) {
    const some = sources.slice(first, first + AT_ONCE);
    await Promise.all(some.map(async (from) => await runProbes(from, probesFrom(from, peers), context)));
  }
}

/** Every cell again, by what the nodes say of it. */
async function explainAll(peers: readonly Placed<Peer>[], { lab, report }: ProbeContext): Promise<void> {
  const observed = peers.flatMap((from) =>
    probesFrom(from, peers).map(({ title, protocol, address: to, ports, expected: isPassed }) => {
      const port = { TCP: ports.tcp, UDP: ports.udp, ICMP: 0 }[protocol];
      return { title, from, to, protocol, port, isPassed };
    }),
  );
  report.equal(`why says of ${observed.length} flows what packets say`, await contradictions(observed, lab), []);
}

/** A pod asks itself through its service too: that is the hairpin. */
function probesFrom(from: Placed<Peer>, peers: readonly Placed<Peer>[]): readonly Probe[] {
  return peers.flatMap((to) => [...(to === from ? [] : direct(from, to)), ...throughService(from, to)]);
}

function direct(from: Placed<Peer>, to: Placed<Peer>): readonly Probe[] {
  const kind = to.place === 'node' ? 'node' : 'pod';
  const expected = isReachable(from.place, to.place, kind);
  return PROTOCOLS.map((protocol) => probeBetween(from, to, { kind, protocol, expected }));
}

function throughService(from: Placed<Peer>, to: Placed<Peer>): readonly Probe[] {
  if (to.service === undefined) return [];
  const expected = isReachable(from.place, to.place, 'service');
  return (['TCP', 'UDP'] as const).map((protocol) => probeBetween(from, to, { kind: 'service', protocol, expected }));
}

async function probeDns(peers: readonly Placed<Peer>[], { lab, report }: ProbeContext): Promise<void> {
  for (const from of peers.filter(({ place }) => place !== 'node')) {
    const { stdout } = await lab.execInPod(from, ['nslookup', 'kubernetes.default.svc.cluster.local']);
    const title = `${from.namespace}/${from.name} ${hasDns(from.place) ? 'resolves a name' : 'resolves no name'}`;
    report.equal(title, stdout.includes(`${addressesOf(lab.stack).apiService}\n`), hasDns(from.place));
  }
}

async function restart({ lab, report }: ProbeContext): Promise<void> {
  await report.check('workers, node agents and vRouters restart', async () => {
    for (const program of ['deployment/workers', 'daemonset/node']) {
      await lab.kubectl(['rollout', 'restart', '-n', 'opencontrail', program]);
      await lab.kubectl(['rollout', 'status', '-n', 'opencontrail', program, '--timeout=120s']);
    }
  });
}
