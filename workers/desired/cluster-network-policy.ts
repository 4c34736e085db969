/** A ClusterNetworkPolicy as Contrail is to have it, and what of it cannot be kept. Pure. */
import type {
  ClusterPeerInput,
  ClusterPolicyInput,
  ClusterRuleInput,
  ServiceInput,
} from '../../contrail/desired/cluster-network-policy.ts';
import type { Subnet } from '../../contrail/objects.ts';
import type {
  ClusterPeer,
  ClusterPods,
  ClusterRule,
  SlimClusterPolicy,
} from '../../kubernetes/cluster-network-policy.ts';
import type { SlimNode } from '../../kubernetes/objects.ts';
import { isSelected } from '../../kubernetes/selector.ts';
import { blockWithout } from '../blocks.ts';
import { isAmong, type NamedPort, podPeers, portNames, portsNamed, tagValue } from '../cluster-policy-parts.ts';
import type { Mirroring } from '../mirrors.ts';
import type { Placed } from '../policy-membership.ts';

export interface ClusterPolicySubject extends ClusterPolicyInput {
  readonly uid: string;
  readonly generation: number;
  readonly problems: readonly string[];
  /** Why nobody is sent the copies that it asks for. */
  readonly unserved?: string;
}

/** What a policy is judged against: pods matter as far as ports are named, nodes as far as rules speak of them. */
export interface ClusterFacts {
  readonly pods: readonly Placed[];
  readonly nodes: readonly Pick<SlimNode, 'labels' | 'addresses'>[];
  readonly mirroring?: Mirroring | undefined;
}

/** What to make of a policy. */
export function clusterPolicySubject(policy: SlimClusterPolicy, facts: ClusterFacts): ClusterPolicySubject {
  const { name, uid, generation, tier, priority, subject } = policy;
  const made = (['ingress', 'egress'] as const).flatMap((direction) =>
    policy[direction].map((rule, index) => {
      const title = `ClusterNetworkPolicy ${name} ${rule.name ?? `${direction}[${index}]`}`;
      return translate({ policy, facts, rule, direction, title, path: `spec.${direction}[${index}]` });
    }),
  );
  const rules = made.flatMap((each) => each.rules);
  const peers = rules.flatMap(({ peer }) => (peer.kind === 'tag' ? [peer.tag] : []));
  const tags = [tagValue(policy, { pods: subject }), ...rules.map((rule) => rule.subject), ...peers];
  const spoken = [...policy.ingress, ...policy.egress].flatMap(podPeers).map((pods) => tagValue(policy, { pods }));
  return {
    name,
    uid,
    generation,
    tier,
    priority,
    tags: [...new Set([...tags, ...spoken])].sort(),
    rules,
    problems: made.flatMap(({ problems }) => problems),
    ...mirrorOf(facts),
  };
}

function mirrorOf({ mirroring }: ClusterFacts): Pick<ClusterPolicySubject, 'mirror' | 'unserved'> {
  if (mirroring === undefined) return {};
  return mirroring.kind === 'mirrored' ? { mirror: mirroring.mirror } : { unserved: mirroring.message };
}

interface Context {
  readonly policy: SlimClusterPolicy;
  readonly facts: ClusterFacts;
  readonly rule: ClusterRule;
  readonly direction: 'ingress' | 'egress';
  readonly title: string;
  readonly path: string;
}

interface Translated {
  readonly rules: readonly ClusterRuleInput[];
  readonly problems: readonly string[];
}

/** A rule that says something unknown fails closed: an Accept means nobody there, anything else denies all. */
function translate(context: Context): Translated {
  const unknown = unknownsIn(context);
  if (unknown.length > 0)
    return { rules: context.rule.action === 'Accept' ? [] : [denyAll(context)], problems: unknown };
  const { rules, problems } = namedRules(context);
  return { rules: [...numberedRules(context), ...rules], problems };
}

function unknownsIn({ rule, path }: Context): readonly string[] {
  const mend = rule.action === 'Accept' ? 'it accepts nothing' : 'it denies everything';
  const peers = rule.peers.flatMap((peer) => (peer.kind === 'unknown' ? [`peer "${peer.field}"`] : []));
  const protocols = (rule.protocols ?? []).flatMap((each) =>
    each.kind === 'unknown' ? [`protocol "${each.field}"`] : [],
  );
  return [...peers, ...protocols].map(
    (what) => `${path}: ${what} is not supported, so ${mend}; name pods, namespaces, nodes or networks instead`,
  );
}

function denyAll({ policy, direction, title }: Context): ClusterRuleInput {
  return {
    title,
    direction,
    action: 'Deny',
    subject: tagValue(policy, { pods: policy.subject }),
    peer: { kind: 'everybody' },
  };
}

/** What a rule says by numbers, or of everything. */
function numberedRules(context: Context): readonly ClusterRuleInput[] {
  const { policy, rule, direction, title } = context;
  const services = servicesOf(rule);
  if (services?.length === 0) return [];
  const common = { title, direction, action: rule.action, subject: tagValue(policy, { pods: policy.subject }) };
  return rule.peers.flatMap((peer) =>
    peersOf(peer, context).map((each) => ({ ...common, peer: each, ...(services === undefined ? {} : { services }) })),
  );
}

function servicesOf({ protocols }: ClusterRule): readonly ServiceInput[] | undefined {
  return protocols?.flatMap((each) => (each.kind === 'ports' ? [{ protocol: each.protocol, ports: each.ports }] : []));
}

function peersOf(peer: ClusterPeer, { policy, facts }: Context): readonly ClusterPeerInput[] {
  switch (peer.kind) {
    case 'pods':
      return [{ kind: 'tag', tag: tagValue(policy, { pods: { namespaces: peer.namespaces, pods: peer.pods } }) }];
    case 'nodes':
      return blocks(facts.nodes.filter(({ labels }) => isSelected(labels, peer.nodes)).flatMap(hostBlocks));
    case 'networks':
      return blocks(peer.cidrs.flatMap((cidr) => blockWithout(cidr, [])));
    case 'unknown':
      return [];
  }
}

/** No blocks mean nobody, and must not become a rule about everybody. */
function blocks(subnets: readonly Subnet[]): readonly ClusterPeerInput[] {
  return subnets.length === 0 ? [] : [{ kind: 'blocks', subnets }];
}

function hostBlocks({ addresses }: ClusterFacts['nodes'][number]): readonly Subnet[] {
  return addresses
    .toSorted()
    .map((address) => ({ ip_prefix: address, ip_prefix_len: address.includes(':') ? 128 : 32 }));
}

/** What a rule says by names of ports: for each number that a name has, those who have it. */
function namedRules(context: Context): Translated {
  const { policy, rule, direction, title, path } = context;
  const names = portNames(rule);
  if (names.length === 0) return { rules: [], problems: [] };
  const common = { title, direction, action: rule.action };
  const receivers = direction === 'ingress' ? [policy.subject] : podPeers(rule);
  const found = receivers.flatMap((pods) => portsIn(pods, context).map((port) => ({ pods, port })));
  const rules = found.flatMap(({ pods, port }): readonly ClusterRuleInput[] => {
    const services = [{ protocol: port.protocol, ports: [port.number, port.number] as const }];
    const tag = tagValue(policy, { pods, port });
    if (direction === 'egress')
      return [{ ...common, subject: tagValue(policy, { pods: policy.subject }), peer: { kind: 'tag', tag }, services }];
    return rule.peers.flatMap((peer) =>
      peersOf(peer, context).map((each) => ({ ...common, subject: tag, peer: each, services })),
    );
  });
  const missing = names.filter((name) => !found.some(({ port }) => port.name === name));
  const whose = direction === 'ingress' ? 'selected pod' : 'pod of its peers';
  return {
    rules,
    problems: missing.map(
      (name) =>
        `${path}: destinationNamedPort "${name}": no ${whose} has a port of that name; name one, or write a number`,
    ),
  };
}

function portsIn(pods: ClusterPods, { facts, rule }: Context): readonly NamedPort[] {
  const names = portNames(rule);
  const found = facts.pods.filter((placed) => isAmong(placed, pods)).flatMap((placed) => portsNamed(placed, names));
  return [...new Map(found.map((port) => [`${port.name} ${port.protocol} ${port.number}`, port])).entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, port]) => port);
}
