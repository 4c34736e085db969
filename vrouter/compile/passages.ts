/**
 * The reachability matrix from network policies (facts 1.1c). Two networks may talk where a policy attached to both has a rule
 * that passes something between them, as far as the access lists of both let it: for all traffic, or for some. Pure.
 */
import { fqNameText } from '../../contrail/objects.ts';
import type { NetworkPolicy, PolicyAddress, PolicyRule } from '../../contrail/objects.ts';
import type { InstanceId, Network, Passage, Traffic } from '../model/networks.ts';
import { type AccessList, compileAccessLists, isChained, passes, rulesOf } from './access-lists.ts';
import type { ConfigIndex } from './index-config.ts';
import { commonOfAll, EVERYTHING, isEverything, without } from './traffic.ts';

/**
 * All passages, each once, in the order of ids; every network reaches itself, unless its own policies deny it. Two networks that a
 * rule joins by services have none: what another rule passes between them would go around these.
 */
export function compilePassages(config: ConfigIndex, networks: readonly Network[]): readonly Passage[] {
  const policies = config.all('network-policy');
  const named = policies.flatMap(pairsBy(config, networks, passes));
  const chained = new Set(
    policies
      .flatMap(pairsBy(config, networks, isChained))
      .flatMap(({ from, to }) => [keyOf(from, to), keyOf(to, from)]),
  );
  const pairs: readonly Pair[] = [...networks.map((network) => ({ from: network, to: network })), ...named];
  return passagesOf(
    pairs.filter(({ from, to }) => !chained.has(keyOf(from, to))),
    { listOf: compileAccessLists(config, networks, passes), isOpenWithin: true },
  );
}

/** What rules of a kind decide between networks, or between these pairs of theirs: what a rule before them has not decided already. */
export function compilePassagesBy(
  config: ConfigIndex,
  networks: readonly Network[],
  grants: (rule: PolicyRule) => boolean,
  pairs: readonly Pair[] = config.all('network-policy').flatMap(pairsBy(config, networks, grants)),
): readonly Passage[] {
  if (pairs.length === 0) return [];
  return passagesOf(pairs, { listOf: compileAccessLists(config, networks, grants), isOpenWithin: false });
}

interface Lists {
  readonly listOf: (network: InstanceId) => AccessList;
  /** Whether what no rule decides passes within a network. */
  readonly isOpenWithin: boolean;
}

function passagesOf(pairs: readonly Pair[], lists: Lists): readonly Passage[] {
  const distinct = new Map(pairs.map((pair) => [keyOf(pair.from, pair.to), pair]));
  return [...distinct.values()]
    .flatMap((pair) => passageOf(pair, lists) ?? [])
    .sort((a, b) => a.from - b.from || a.to - b.to);
}

function keyOf(from: Network, to: Network): string {
  return `${from.id} ${to.id}`;
}

/** New flows from one network to another. */
export interface Pair {
  readonly from: Network;
  readonly to: Network;
}

/** The names of the policies that have a rule which lets flows from one network to another begin. */
export function policiesByPair(
  config: ConfigIndex,
  networks: readonly Network[],
): (ends: Pick<Passage, 'from' | 'to'>) => readonly string[] {
  const byPair = new Map<string, Set<string>>();
  const named = pairsBy(config, networks, passes);
  for (const policy of config.all('network-policy')) {
    for (const { from, to } of named(policy)) {
      const key = `${from.id} ${to.id}`;
      byPair.set(key, (byPair.get(key) ?? new Set()).add(fqNameText(policy.fq_name)));
    }
  }
  return ({ from, to }) => [...(byPair.get(`${from} ${to}`) ?? [])];
}

/** The pairs that a policy's rules of a kind let talk, rule by rule. */
export function pairsBy(
  config: ConfigIndex,
  networks: readonly Network[],
  grants: (rule: PolicyRule) => boolean,
): (policy: NetworkPolicy) => readonly NamedPair[] {
  const byUuid = new Map(networks.map((network) => [network.uuid, network]));
  return (policy) => {
    const rules = rulesOf(policy).filter(grants);
    if (rules.length === 0) return [];
    const members = config.referrers(policy.uuid, 'virtual-network').flatMap(({ uuid }) => byUuid.get(uuid) ?? []);
    return rules.flatMap((rule) => pairsOf(rule, policy, members));
  };
}

/** A pair, and the rule that names it. */
export interface NamedPair extends Pair {
  readonly rule: PolicyRule;
}

function pairsOf(rule: PolicyRule, policy: NetworkPolicy, members: readonly Network[]): readonly NamedPair[] {
  const sources = matching(rule.src_addresses, policy, members);
  const targets = matching(rule.dst_addresses, policy, members);
  return sources.flatMap((source) =>
    targets.flatMap((target) => {
      const forth = { from: source, to: target, rule };
      return rule.direction === '<>' ? [forth, { from: target, to: source, rule }] : [forth];
    }),
  );
}

/** The attached networks that an address of a rule may stand for; a rule cannot join networks that it is not attached to. */
function matching(
  addresses: readonly PolicyAddress[],
  policy: NetworkPolicy,
  members: readonly Network[],
): readonly Network[] {
  const own = fqNameText(policy.fq_name);
  return members.filter((network) =>
    addresses.some(
      ({ virtual_network: name, network_policy: named }) =>
        name === 'any' || name === 'local' || name === network.name || named === own,
    ),
  );
}

function passageOf({ from, to }: Pair, { listOf, isOpenWithin }: Lists): Passage | undefined {
  const [near, far] = [listOf(from.id), listOf(to.id)];
  const ends = { from: from.id, to: to.id };
  if (near.isPlain && far.isPlain) return ends;
  const letThrough = (list: AccessList, self: Network): readonly Traffic[] => {
    const { passed, undecided } = passedBy(list, self, { from, to });
    return isOpenWithin && from.id === to.id ? [...passed, ...undecided] : passed;
  };
  const limits = commonOfAll(letThrough(near, from), letThrough(far, to));
  if (limits.length === 0) return undefined;
  return isEverything(limits) ? ends : { ...ends, limits };
}

/** What a network's list lets through, and what it says nothing of: the first rule that speaks of a packet decides. */
function passedBy({ rules }: AccessList, self: Network, { from, to }: Pair) {
  let undecided: readonly Traffic[] = [EVERYTHING];
  const passed: Traffic[] = [];
  for (const rule of rules) {
    if (!rule.isFrom(from, self) || !rule.isTo(to, self)) continue;
    for (const box of rule.traffic) {
      if (rule.passes) passed.push(...commonOfAll(undecided, [box]));
      undecided = without(undecided, box);
    }
  }
  return { passed, undecided };
}
