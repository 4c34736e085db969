/**
 * Guides (ADR 0009) by packets, on five nodes: what pods and nodes reach stays as it is where a node is not sent the pods that it reaches only
 * because it is a node, and a guide that is silent is passed over.
 */
import { guideFor, guidesOf } from '../../contrail/guides.ts';
import { openLab } from '../lab/handle.ts';
import type { LabHandle } from '../lab/handle.ts';
import { bringUp } from '../lab/up.ts';
import { contradictions } from './explained.ts';
import { inUrl } from './outside.ts';
import {
  type Peer,
  type PeerSpec,
  PROTOCOLS,
  peerPod,
  type Probe,
  probeBetween,
  readPeer,
  runProbes,
} from './peers.ts';
import { isReachable, type Place } from './reachability.ts';
import type { Reporter } from './reporter.ts';

/** With three every node is a guide. */
const NODES = 5;
const ISOLATED = { 'opencontrail.org/isolation': 'true' };
const NAMESPACES = [
  { name: 'guides-one', annotations: {} },
  { name: 'guides-a', annotations: ISOLATED },
  { name: 'guides-b', annotations: ISOLATED },
  { name: 'guides-node', annotations: {} },
];

interface Placed extends Peer {
  readonly place: Place;
}

interface World {
  readonly lab: LabHandle;
  readonly report: Reporter;
  readonly peers: readonly Placed[];
  /** A node that is led, which has pods of one isolated namespace and on the nodes' network; and the guide that leads it. */
  readonly led: string;
  readonly guide: string;
}

/** Run by `npm run e2e -- guides`; a smaller lab grows to five nodes. */
export async function suite(before: LabHandle, report: Reporter): Promise<void> {
  if (before.nodes.length < NODES) await bringUp({ bare: false, nodes: NODES });
  const lab = openLab();
  try {
    const world = await setUp(lab, report);
    await unknown(world);
    await reachable(world, 'in peace');
    await cut(world);
  } finally {
    await lab.cleanup();
  }
}

async function setUp(lab: LabHandle, report: Reporter): Promise<World> {
  const guides = guidesOf(lab.nodes);
  const others = lab.nodes.filter((node) => !guides.includes(node));
  // Whoever has the cluster's DNS is asked by everybody, and so knows everybody.
  const dns = await lab.get<{ items: readonly { spec: { nodeName: string } }[] }>(['pods', '-n', 'kube-system']);
  await lab.kubectl(['cordon', ...others]);
  lab.onCleanup(() => lab.kubectl(['uncordon', ...others]));
  const isAsked = dns?.items.some(({ spec }) => others.includes(spec.nodeName)) === true;
  if (isAsked) {
    await lab.kubectl(['rollout', 'restart', 'deployment/coredns', '-n', 'kube-system']);
    await lab.kubectl(['rollout', 'status', 'deployment/coredns', '-n', 'kube-system', '--timeout=120s']);
  }
  for (const { name, annotations } of NAMESPACES) await lab.createNamespace(name, { annotations });
  const [led = '', far = ''] = others;
  const guide = guideFor(led, guides, new Set()) ?? '';
  const homes: readonly (Omit<PeerSpec, 'name'> & { readonly place: Place })[] = [
    ...[led, far, guide].map((node) => ({ namespace: 'guides-b', place: 'isolatedB' as const, node })),
    ...[far, guide].map((node) => ({ namespace: 'guides-a', place: 'isolatedA' as const, node })),
    ...[far, guide].map((node) => ({ namespace: 'guides-one', place: 'default' as const, node })),
    ...lab.nodes.map((node) => ({ namespace: 'guides-node', place: 'node' as const, node, hostNetwork: true })),
  ];
  const specs = homes.map((home) => ({ ...home, name: `on-${home.node}` }));
  await lab.apply(specs.map(peerPod));
  for (const { name } of NAMESPACES) await lab.podsReady(name);
  const peers = await Promise.all(specs.map(async (spec) => ({ ...(await readPeer(spec, lab)), place: spec.place })));
  return { lab, report, peers, led, guide };
}

/** A node that is led has routes to its networks' pods alone, and one to where all are. */
async function unknown({ lab, report, peers, led, guide }: World): Promise<void> {
  const routed = async (node: string): Promise<string> => {
    const { stdout } = await lab.exec(node, ['sh', '-c', 'ip route show table 29001; ip -6 route show table 29001']);
    const known = stdout.split('\n').map((line) => line.split(' ')[0] ?? '');
    const found = peers.filter(({ place, address }) => place !== 'node' && known.includes(address));
    return [...new Set(found.map(({ namespace }) => namespace))].sort().join(' ');
  };
  await report.check(`${led} has routes to pods of its own networks only`, () =>
    lab.waitFor('the routes', async () => (await routed(led)) === 'guides-b'),
  );
  report.equal(`its guide ${guide} to those of all`, await routed(guide), 'guides-a guides-b guides-one');
}

/** Everybody asks everybody, and `why` says the same. */
async function reachable({ lab, report, peers }: World, when: string): Promise<void> {
  const observed = peers.flatMap((from) => probesFrom(from, peers).map((probe) => ({ from, probe })));
  for (const from of peers) await runProbes(from, probesFrom(from, peers), { lab, report });
  const flows = observed.map(({ from, probe: { title, protocol, address: to, ports, expected: isPassed } }) => {
    const port = { TCP: ports.tcp, UDP: ports.udp, ICMP: 0 }[protocol];
    return { title, from, to, protocol, port, isPassed };
  });
  report.equal(`${when}, why says of ${flows.length} flows what packets say`, await contradictions(flows, lab), []);
}

function probesFrom(from: Placed, peers: readonly Placed[]): readonly Probe[] {
  return peers.flatMap((to) => {
    const kind = to.place === 'node' ? 'node' : 'pod';
    const expected = isReachable(from.place, to.place, kind);
    return to === from ? [] : PROTOCOLS.map((protocol) => probeBetween(from, to, { kind, protocol, expected }));
  });
}

/** The guide says nothing any more: the led node goes by the other. */
async function cut({ lab, report, peers, led, guide }: World): Promise<void> {
  const cutOff = `table inet cut {
    chain in { type filter hook prerouting priority -600; iifname "eth0" drop; }
    chain out { type filter hook output priority -600; oifname "eth0" drop; }
  }`;
  const target = peers.find(({ place, node }) => place === 'isolatedA' && node !== guide);
  const answers = async (): Promise<boolean> => {
    const url = `http://${inUrl(target?.address ?? '')}:${target?.ports.tcp}/hostname`;
    return (await lab.exec(led, ['curl', '-g', '-s', '-m', '1', url])).stdout === target?.answer;
  };
  // Whether what is not known there goes by a guide, as the fabric's.
  const leadsTo = async (node: string): Promise<boolean> => {
    const { stdout } = await lab.exec(led, ['sh', '-c', 'ip route show table 29001; ip -6 route show table 29001']);
    return stdout.split('\n').some((line) => line.includes(' id 1 ') && line.includes(` dst ${lab.address(node)} `));
  };
  report.equal(`${led} → pod of an isolated namespace, before`, await answers(), true);
  const joinAgain = () => lab.exec(guide, ['nft', 'delete', 'table', 'inet', 'cut']);
  lab.onCleanup(joinAgain);
  await lab.exec(guide, ['sh', '-c', `echo '${cutOff}' | nft -f -`]);
  await report.check(`the guide ${guide} is silent: the node goes by another`, () =>
    lab.waitFor('an answer', async () => !(await leadsTo(guide)) && (await answers())),
  );
  await joinAgain();
  await report.check('it is back', () => lab.waitFor('its route', () => leadsTo(guide)));
  report.equal(`${led} → pod of an isolated namespace, after`, await answers(), true);
}
