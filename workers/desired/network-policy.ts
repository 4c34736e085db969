/** A NetworkPolicy as Contrail is to have it: its groups and their rules. Pure. */
import type {
  AllowedTraffic,
  GroupInput,
  GroupPeer,
  NetworkPolicyInput,
} from '../../contrail/desired/network-policy.ts';
import { type Names, policyRuleUuid } from '../../contrail/names.ts';
import type { PolicyBlock, PolicyPort, PolicyRuleSpec, SlimNetworkPolicy } from '../../kubernetes/network-policy.ts';
import { cidrList } from '../../runtime/cidr.ts';
import { blockWithout } from '../blocks.ts';
import type { Placed } from '../policy-membership.ts';
import {
  EVERY_POD,
  addressesOf,
  isPeer,
  isSubject,
  namesInBlocks,
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
  readonly problems: readonly PolicyProblem[];
  /** What stands on the policy of its problems. */
  readonly status?: string;
}

/** Something that is wrong with a policy: an Event's reason and words. */
export interface PolicyProblem {
  readonly reason: 'PortUnknown' | 'ExceptOutside';
  readonly message: string;
}

/** What to make of a policy; `pods` are those that it may select or mean. Named ports are what they are in the pods. */
export function policySubject(policy: SlimNetworkPolicy, pods: readonly Placed[], names: Names): PolicySubject {
  const context: Context = { policy, pods, parts: partNames(policy, names) };
  const resolutions = resolutionsOf(context);
  const { namespace, name, uid, status } = policy;
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
    ...(status === undefined ? {} : { status }),
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
  const inGroups = targetPeers({ egress: [rule] }).flatMap(({ peer, names }) =>
    names.flatMap(({ protocol, name }) =>
      numbersIn(context, peer, { protocol, name }).map((number) => ({
        peer: { kind: 'group' as const, group: context.parts.peerPort(peer, { protocol, name, number }) },
        protocol: protocol.toLowerCase(),
        ports: [number, number] as const,
      })),
    ),
  );
  return [...inGroups, ...namesInBlocks({ egress: [rule] }).flatMap((port) => rulesInBlocks(context, rule, port))];
}

/** A port's name is a pod's, so that of a block those are meant who have the name and an address there. */
function rulesInBlocks(
  { pods }: Context,
  { peers = [] }: PolicyRuleSpec,
  { protocol, name }: NamedPort,
): readonly Omit<AllowedTraffic, 'direction'>[] {
  const blocks = peers.filter((peer) => peer.kind === 'block');
  const found = pods.flatMap(({ pod }) => {
    const number = numberOf(pod, protocol, name);
    if (number === undefined) return [];
    const inside = addressesOf(pod).filter((address) => blocks.some((block) => isInBlock(address, block)));
    return inside.map((address) => ({ address, number }));
  });
  return found
    .toSorted((a, b) => (a.address < b.address ? -1 : 1))
    .map(({ address, number }) => ({
      peer: { kind: 'block', subnet: { ip_prefix: address, ip_prefix_len: address.includes(':') ? 128 : 32 } },
      protocol: protocol.toLowerCase(),
      ports: [number, number],
    }));
}

function isInBlock(address: string, { cidr, except }: PolicyBlock): boolean {
  const left = blockWithout(cidr, except).map(({ ip_prefix: prefix, ip_prefix_len: length }) => `${prefix}/${length}`);
  return cidrList(left)(address);
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

/** What its author will have meant otherwise: above all named ports that nobody has, whose rule allows nothing. */
function problemsOf(context: Context): readonly PolicyProblem[] {
  const { policy, pods } = context;
  const subjects = pods.filter(({ pod }) => isSubject(pod, policy));
  const missing = podPortNames(policy.ingress).filter(
    ({ protocol, name }) => subjects.length > 0 && !subjects.some(({ pod }) => numberOf(pod, protocol, name)),
  );
  const absent = targetPeers(policy).flatMap(({ peer, names }) =>
    names.filter((port) => numbersIn(context, peer, port).length === 0),
  );
  const inBlocks = (policy.egress ?? []).flatMap((rule) =>
    namesInBlocks({ egress: [rule] }).filter((port) => rulesInBlocks(context, rule, port).length === 0),
  );
  const unknown = [
    ...missing.map(
      ({ protocol, name }) => `ingress port "${name}" (${protocol}): no selected pod has a port of that name`,
    ),
    ...[...absent, ...inBlocks].map(
      ({ protocol, name }) => `egress port "${name}" (${protocol}): no pod of its peers has a port of that name`,
    ),
  ];
  return [...unknown.map((message) => ({ reason: 'PortUnknown' as const, message })), ...outsideProblems(policy)];
}

/** Exceptions that take nothing away; the API server refuses them, but has not always. */
function outsideProblems({ ingress = [], egress = [] }: SlimNetworkPolicy): readonly PolicyProblem[] {
  const blocks = [...ingress, ...egress].flatMap(({ peers = [] }) => peers.filter((peer) => peer.kind === 'block'));
  return blocks.flatMap(({ cidr, except }) =>
    except
      .filter((hole) => blockWithout(hole, [cidr]).length > 0)
      .map((hole) => ({
        reason: 'ExceptOutside',
        message: `ipBlock ${cidr}: except "${hole}" does not lie in it; name a block that does, or none`,
      })),
  );
}

function podPortNames(rules: readonly PolicyRuleSpec[] | undefined): readonly NamedPort[] {
  return (rules ?? []).flatMap(({ ports = [] }) =>
    ports.flatMap(({ protocol, port }) => (typeof port === 'string' ? [{ protocol, name: port }] : [])),
  );
}
