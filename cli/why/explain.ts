/** What the nodes of both ends say to flows: the source's is asked first, since it knows where a flow is led to. */
import { isIPv6 } from 'node:net';
import type { PodPort } from '../../kubernetes/ports.ts';
import { cidrList, withoutLength } from '../../runtime/cidr.ts';
import type { Cluster } from '../reach/cluster.ts';
import { type Directory, type PodEnd, podName } from '../reach/directory.ts';
import { askNodes, type Hypothesis, type NodeQuestion } from '../reach/nodes.ts';
import {
  type Answer,
  type Flow,
  type PolicyReason,
  type PolicyVerdict,
  PROTOCOLS,
  type SourceVerdict,
  type SourceWay,
  sourceVerdictSchema,
  targetVerdictSchema,
  type WayAnswer,
} from './model.ts';
import { policyReason, type Seen } from './rules.ts';

/** What nodes call the world outside the cluster. */
const OUTSIDE = 'outside';

/** A way that a source's node leads a flow, with the pod at its end. */
interface Led {
  readonly flow: Flow;
  readonly way: SourceWay;
  readonly pod: PodEnd | undefined;
}

interface Deps {
  readonly cluster: Cluster;
  readonly directory: Directory;
  /** What is to be supposed of these pods; absent where things are asked as they are. */
  readonly suppose?: (pods: readonly PodEnd[]) => Promise<Hypothesis>;
}

/** The answer to each flow; a node is asked four times at most, whatever their number. Throws where one cannot be asked. */
export async function explain(flows: readonly Flow[], deps: Deps): Promise<readonly Answer[]> {
  const { cluster, directory } = deps;
  const ask = async (supposing?: Hypothesis) => await askSources(flows, { cluster, supposing });
  // Policies do not change where a flow is led to: the first answer says whom to suppose something of.
  const present = await ask();
  const led = await ledBy(flows, present, directory);
  const pods = [...flows.map(({ source }) => source), ...led.flatMap(({ pod }) => pod ?? [])];
  const supposing = await deps.suppose?.(pods);
  const verdicts = supposing === undefined ? present : await ask(supposing);
  const ways = supposing === undefined ? led : await ledBy(flows, verdicts, directory);
  const arrivals = await arrivalsAt(ways, { cluster, supposing });
  return await Promise.all(
    flows.map(async (flow, index) => {
      const verdict = verdicts[index];
      if (!verdict) throw new Error(`node ${flow.source.node} does not know ${podName(flow.source)} yet`);
      const own = ways.filter((each) => each.flow === flow);
      if (flow.isPod === true && own.some(({ way }) => way.network === OUTSIDE))
        return answerOf(flow, { ...verdict, nowhere: 'astray' }, []);
      return answerOf(
        flow,
        verdict,
        await Promise.all(own.map((each) => wayAnswer(each, arrivals.get(each), directory))),
      );
    }),
  );
}

interface Asking {
  readonly cluster: Cluster;
  readonly supposing: Hypothesis | undefined;
}

/** What the nodes of sources say. A node that is led to a pod does not know it: its guide does, and is asked in its place (ADR 0009). */
async function askSources(flows: readonly Flow[], asking: Asking): Promise<readonly (SourceVerdict | null)[]> {
  const questions = flows.map(sourceQuestion);
  const said = await askNodes(questions, sourceVerdictSchema, asking);
  const led = questions.flatMap(({ question }, index) => {
    const guide = said[index]?.guide;
    return guide === undefined
      ? []
      : [{ index, guide, question: { node: guide.node, question: { ...question, led: true } } }];
  });
  if (led.length === 0) return said;
  const answers = await askNodes(
    led.map(({ question }) => question),
    sourceVerdictSchema,
    asking,
  );
  const verdicts = [...said];
  led.forEach(({ index, guide }, at) => {
    const verdict = answers[at] ?? null;
    const ways = verdict?.ways.map((way) => ({ ...way, seenAs: { address: guide.seenAs } })) ?? [];
    verdicts[index] = verdict && { ...verdict, ways };
  });
  return verdicts;
}

async function ledBy(
  flows: readonly Flow[],
  verdicts: readonly (SourceVerdict | null)[],
  directory: Directory,
): Promise<readonly Led[]> {
  const ways = flows.flatMap((flow, index) => (verdicts[index]?.ways ?? []).map((way) => ({ flow, way })));
  return await Promise.all(
    ways.map(async ({ flow, way }) => ({ flow, way, pod: await directory.podAt(way.address, way.network) })),
  );
}

/** What the nodes of the pods at the ends of ways say. */
async function arrivalsAt(ways: readonly Led[], asking: Asking): Promise<ReadonlyMap<Led, PolicyVerdict | undefined>> {
  const known = ways.flatMap((led) => (led.pod === undefined ? [] : [{ led, question: targetQuestion(led, led.pod) }]));
  const questions = known.map(({ question }) => question);
  const said = await askNodes(questions, targetVerdictSchema, asking);
  return new Map(known.map(({ led }, index) => [led, said[index]?.policy]));
}

function sourceQuestion({ source, to, protocol, port }: Flow): NodeQuestion {
  const vmi = source.hostNetwork ? {} : { vmi: interfaceTowards(source.interfaces, to)?.vmi };
  return { node: source.node, question: { end: 'source', ...vmi, to, protocol: numberOf(protocol, to), port } };
}

function targetQuestion({ flow, way }: Led, { node, interfaces }: PodEnd): NodeQuestion {
  const { address: from, network } = way.seenAs;
  const held = interfaces.find(
    (port) => port.network === way.network && port.ips.map(withoutLength).includes(way.address),
  );
  const asked = { protocol: numberOf(flow.protocol, way.address), port: way.port };
  const seen = network === undefined ? { from } : { from, network };
  return { node, question: { end: 'target', vmi: held?.vmi ?? '', ...seen, ...asked } };
}

async function wayAnswer(led: Led, arrival: PolicyVerdict | undefined, directory: Directory): Promise<WayAnswer> {
  const { way, pod } = led;
  const { network, passing, by, address, port } = way;
  const policies = await policiesOf(led, arrival, directory);
  return {
    target: pod === undefined ? address : podName(pod),
    address,
    port,
    isAllowed: isOpen(passing) && policies.every(({ verdict }) => verdict !== 'denied'),
    passing: { network, passing, by },
    policies,
  };
}

/** What the policies of both ends say; a pod on its node's network has none. */
async function policiesOf(
  { flow: { source, protocol }, way, pod }: Led,
  arrival: PolicyVerdict | undefined,
  directory: Directory,
): Promise<readonly PolicyReason[]> {
  const peer = async (address: string, end: PodEnd | undefined): Promise<Seen['peer']> =>
    end === undefined
      ? { address, namespaceLabels: {} }
      : { address, pod: end, namespaceLabels: await directory.namespaceLabels(end.namespace) };
  const reason = async (verdict: PolicyVerdict, own: PodEnd, seen: Pick<Seen, 'direction' | 'peer'>) => {
    const policies = await directory.policies(own.namespace);
    return policyReason(verdict, { ...seen, pod: own, protocol, port: way.port }, policies);
  };
  const target = await peer(way.address, pod);
  const sender = await peer(way.seenAs.address, source);
  return await Promise.all([
    ...(source.hostNetwork ? [] : [reason(way.policy, source, { direction: 'egress', peer: target })]),
    ...(pod === undefined || arrival === undefined
      ? []
      : [reason(arrival, pod, { direction: 'ingress', peer: sender })]),
  ]);
}

function answerOf(
  flow: Flow,
  { network, service, nowhere }: Pick<SourceVerdict, 'network' | 'service'> & Pick<Answer, 'nowhere'>,
  ways: readonly WayAnswer[],
): Answer {
  const allowed = ways.filter(({ isAllowed }) => isAllowed).length;
  const some = allowed === ways.length ? 'allowed' : 'some';
  return {
    from: podName(flow.source),
    to: flow.what,
    protocol: flow.protocol,
    port: flow.port,
    verdict: allowed === 0 ? 'denied' : some,
    network,
    ...(service === undefined ? {} : { service }),
    ...(nowhere === undefined ? {} : { nowhere }),
    ways,
  };
}

function isOpen(passing: SourceWay['passing']): boolean {
  return !['unconnected', 'unserved', 'beyond-limits'].includes(passing);
}

/** The interface that a pod's own routes choose: one whose subnet or routes have the address, else that of the default route. */
function interfaceTowards(interfaces: readonly PodPort[], to: string): PodPort | undefined {
  const [first, ...others] = interfaces;
  const near = others.find(({ ips, routes = [] }) => cidrList([...ips, ...routes])(to));
  return near ?? interfaces.find(({ defaultRoute }) => defaultRoute === true) ?? first;
}

/** ICMP has a number of its own in IPv6. */
function numberOf(protocol: Flow['protocol'], to: string): number {
  return protocol === 'ICMP' && isIPv6(to) ? 58 : PROTOCOLS[protocol];
}
