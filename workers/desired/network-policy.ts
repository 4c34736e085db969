/** A NetworkPolicy as Contrail is to have it: its groups and their rules. Pure. */
import type {
  AllowedTraffic,
  GroupInput,
  GroupPeer,
  NetworkPolicyInput,
} from '../../contrail/desired/network-policy.ts';
import { type Names, policyRuleUuid } from '../../contrail/names.ts';
import type { PolicyPort, PolicyRuleSpec, SlimNetworkPolicy } from '../../kubernetes/network-policy.ts';
import { blockWithout } from '../blocks.ts';
import type { Placed } from '../policy-membership.ts';
import {
  EVERY_POD,
  isPeer,
  isSubject,
  numberOf,
  partNames,
  type Resolution,
  resolutionOf,
  sourcePeers,
  targetPeers,
} from '../policy-parts.ts';

/** A policy's groups, and what is wrong with it: the rest of it stands. */
export interface PolicySubject extends NetworkPolicyInput {
  readonly uid: string;
  readonly problems: readonly string[];
}

/** What to make of a policy; `pods` are those that it may select or mean. Named ports are what they are in the pods. */
export function policySubject(policy: SlimNetworkPolicy, pods: readonly Placed[], names: Names): PolicySubject {
  const context: Context = { policy, pods, parts: partNames(policy, names) };
  const resolutions = resolutionsOf(context);
  const { namespace, name, uid } = policy;
  return {
    namespace,
    name,
    uid,
    groups: [
      { name: context.parts.subjects, rules: [...ingressRules(context), ...egressRules(context)] },
      ...resolutions.map((resolution) => ({
        name: context.parts.resolved(resolution),
        rules: ingressRules(context, resolution),
      })),
      ...peerGroups(context),
    ],
    problems: problemsOf(context),
  };
}

interface Context {
  readonly policy: SlimNetworkPolicy;
  readonly pods: readonly Placed[];
  readonly parts: ReturnType<typeof partNames>;
}

function resolutionsOf({ policy, pods }: Context): readonly Resolution[] {
  const found = pods
    .filter(({ pod }) => isSubject(pod, policy))
    .map(({ pod }) => resolutionOf(pod, policy.ingress))
    .filter((resolution) => Object.keys(resolution).length > 0);
  return [...new Map(found.map((each) => [JSON.stringify(each), each])).entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, each]) => each);
}

/** Without a resolution, the rules of ports with numbers; with one, those of ports with names. */
function ingressRules({ policy, parts }: Context, resolution?: Resolution): readonly AllowedTraffic[] {
  return (policy.ingress ?? []).flatMap((rule, index) => {
    const origin = { id: policyRuleUuid(policy.uid, 'ingress', index), direction: 'ingress' as const };
    return peersOf(rule, parts).flatMap((peer) =>
      portsOf(rule, resolution).map((ports) => ({ ...origin, peer, ...ports })),
    );
  });
}

function egressRules(context: Context): readonly AllowedTraffic[] {
  const { policy, parts } = context;
  return (policy.egress ?? []).flatMap((rule, index) => {
    const origin = { id: policyRuleUuid(policy.uid, 'egress', index), direction: 'egress' as const };
    const numbered = peersOf(rule, parts).flatMap((peer) =>
      portsOf(rule).map((ports) => ({ ...origin, peer, ...ports })),
    );
    return [...numbered, ...namedEgressRules(context, rule).map((named) => ({ ...origin, ...named }))];
  });
}

/** What a rule of egress says by names of ports: for each number that a name has, those of its peers who have it. */
function namedEgressRules(context: Context, rule: PolicyRuleSpec): readonly Omit<AllowedTraffic, 'direction'>[] {
  return targetPeers({ egress: [rule] }).flatMap(({ peer, names }) =>
    names.flatMap(({ protocol, name }) =>
      numbersIn(context, peer, { protocol, name }).map((number) => ({
        peer: { kind: 'group' as const, group: context.parts.peerPort(peer, { protocol, name, number }) },
        protocol: protocol.toLowerCase(),
        ports: [number, number] as const,
      })),
    ),
  );
}

type NamedPort = ReturnType<typeof targetPeers>[number]['names'][number];

/** The numbers that a named port has in the pods that a peer means. */
function numbersIn(
  { policy, pods }: Context,
  peer: typeof EVERY_POD,
  { protocol, name }: NamedPort,
): readonly number[] {
  const found = pods
    .filter((placed) => isPeer(placed, peer, policy.namespace))
    .flatMap(({ pod }) => numberOf(pod, protocol, name) ?? []);
  return [...new Set(found)].sort((a, b) => a - b);
}

/** Groups without rules, which pods are in so that rules can name them. */
function peerGroups(context: Context): readonly GroupInput[] {
  const { policy, parts } = context;
  const names = [
    ...sourcePeers(policy).map(parts.peer),
    ...targetPeers(policy).flatMap(({ peer, names: ports }) => [
      ...(peer === EVERY_POD ? [] : [parts.peer(peer)]),
      ...ports.flatMap((port) =>
        numbersIn(context, peer, port).map((number) => parts.peerPort(peer, { ...port, number })),
      ),
    ]),
  ];
  return [...new Map(names.map((name) => [name.join(':'), { name, rules: [] }])).values()];
}

function peersOf({ peers }: PolicyRuleSpec, parts: Context['parts']): readonly GroupPeer[] {
  if (peers === undefined) return [{ kind: 'everybody' }];
  return peers.flatMap((peer): readonly GroupPeer[] =>
    peer.kind === 'pods'
      ? [{ kind: 'group', group: parts.peer(peer) }]
      : blockWithout(peer.cidr, peer.except).map((subnet) => ({ kind: 'block', subnet })),
  );
}

function portsOf(
  { ports }: PolicyRuleSpec,
  resolution?: Resolution,
): readonly Pick<AllowedTraffic, 'protocol' | 'ports'>[] {
  if (ports === undefined) return resolution === undefined ? [{ protocol: 'any', ports: ALL_PORTS }] : [];
  return ports.flatMap((port) => {
    const span = resolution === undefined ? spanOf(port) : resolvedSpan(port, resolution);
    return span === undefined ? [] : [{ protocol: port.protocol.toLowerCase(), ports: span }];
  });
}

const ALL_PORTS = [0, 65_535] as const;

function spanOf({ port, endPort }: PolicyPort): readonly [number, number] | undefined {
  if (port === undefined) return ALL_PORTS;
  return typeof port === 'number' ? [port, endPort ?? port] : undefined;
}

function resolvedSpan({ protocol, port }: PolicyPort, resolution: Resolution): readonly [number, number] | undefined {
  const number = typeof port === 'string' ? resolution[`${protocol} ${port}`] : undefined;
  return number === undefined ? undefined : [number, number];
}

/** Named ports that nobody has: such a rule allows nothing, which its author should know. */
function problemsOf(context: Context): readonly string[] {
  const { policy, pods } = context;
  const subjects = pods.filter(({ pod }) => isSubject(pod, policy));
  const missing = podPortNames(policy.ingress).filter(
    ({ protocol, name }) => subjects.length > 0 && !subjects.some(({ pod }) => numberOf(pod, protocol, name)),
  );
  const absent = targetPeers(policy).flatMap(({ peer, names }) =>
    names.filter((port) => numbersIn(context, peer, port).length === 0),
  );
  return [
    ...missing.map(
      ({ protocol, name }) => `ingress port "${name}" (${protocol}): no selected pod has a port of that name`,
    ),
    ...absent.map(
      ({ protocol, name }) => `egress port "${name}" (${protocol}): no pod of its peers has a port of that name`,
    ),
  ];
}

function podPortNames(rules: readonly PolicyRuleSpec[] | undefined): readonly NamedPort[] {
  return (rules ?? []).flatMap(({ ports = [] }) =>
    ports.flatMap(({ protocol, port }) => (typeof port === 'string' ? [{ protocol, name: port }] : [])),
  );
}
