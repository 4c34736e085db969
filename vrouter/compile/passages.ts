/**
 * The reachability matrix from network policies (facts 1.1c). Two networks may talk where a policy attached to both has a rule
 * that passes something between them, as far as the access lists of both let it: for all traffic, or for some. Pure.
 */
import { fqNameText } from '../../contrail/objects.ts';
import type { NetworkPolicy, PolicyAddress, PolicyRule } from '../../contrail/objects.ts';
import type { InstanceId, Network, Passage, Traffic } from '../model.ts';
import { type AccessList, compileAccessLists, passes, rulesOf } from './access-lists.ts';
import type { ConfigIndex } from './index-config.ts';
import { commonOfAll, EVERYTHING, isEverything, without } from './traffic.ts';

/** All passages, each once, in the order of ids; every network reaches itself, unless its own policies deny it. */
export function compilePassages(config: ConfigIndex, networks: readonly Network[]): readonly Passage[] {
  const listOf = compileAccessLists(config, networks);
  const found = new Map<string, Passage>();
  const seen = new Set<string>();
  for (const pair of pairsNamed(config, networks)) {
    const key = `${pair.from.id} ${pair.to.id}`;
    if (seen.has(key)) continue;
    seen.add(key);
    const passage = passageOf(pair, listOf);
    if (passage !== undefined) found.set(key, passage);
  }
  return [...found.values()].sort((a, b) => a.from - b.from || a.to - b.to);
}

interface Pair {
  readonly from: Network;
  readonly to: Network;
}

/** The names of the policies that have a rule which lets flows from one network to another begin. */
export function policiesByPair(
  config: ConfigIndex,
  networks: readonly Network[],
): (ends: Pick<Passage, 'from' | 'to'>) => readonly string[] {
  const byPair = new Map<string, Set<string>>();
  const named = namedBy(config, networks);
  for (const policy of config.all('network-policy')) {
    for (const { from, to } of named(policy)) {
      const key = `${from.id} ${to.id}`;
      byPair.set(key, (byPair.get(key) ?? new Set()).add(fqNameText(policy.fq_name)));
    }
  }
  return ({ from, to }) => [...(byPair.get(`${from} ${to}`) ?? [])];
}

/** Every network with itself, and every two that some rule lets talk. */
function pairsNamed(config: ConfigIndex, networks: readonly Network[]): readonly Pair[] {
  const named = config.all('network-policy').flatMap(namedBy(config, networks));
  return [...networks.map((network) => ({ from: network, to: network })), ...named];
}

/** The pairs that a policy's rules let talk. */
function namedBy(config: ConfigIndex, networks: readonly Network[]): (policy: NetworkPolicy) => readonly Pair[] {
  const byUuid = new Map(networks.map((network) => [network.uuid, network]));
  return (policy) => {
    const members = config.referrers(policy.uuid, 'virtual-network').flatMap(({ uuid }) => byUuid.get(uuid) ?? []);
    return rulesOf(policy)
      .filter(passes)
      .flatMap((rule) => pairsOf(rule, policy, members));
  };
}

function pairsOf(rule: PolicyRule, policy: NetworkPolicy, members: readonly Network[]): readonly Pair[] {
  const sources = matching(rule.src_addresses, policy, members);
  const targets = matching(rule.dst_addresses, policy, members);
  return sources.flatMap((source) =>
    targets.flatMap((target) => {
      const forth = { from: source, to: target };
      return rule.direction === '<>' ? [forth, { from: target, to: source }] : [forth];
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

function passageOf({ from, to }: Pair, listOf: (network: InstanceId) => AccessList): Passage | undefined {
  const [near, far] = [listOf(from.id), listOf(to.id)];
  const ends = { from: from.id, to: to.id };
  if (near.isPlain && far.isPlain) return ends;
  const limits = commonOfAll(passedBy(near, from, { from, to }), passedBy(far, to, { from, to }));
  if (limits.length === 0) return undefined;
  return isEverything(limits) ? ends : { ...ends, limits };
}

/** What a network's list lets through: the first rule that speaks of a packet decides; a network itself is open at the end. */
function passedBy({ rules }: AccessList, self: Network, { from, to }: Pair): readonly Traffic[] {
  let undecided: readonly Traffic[] = [EVERYTHING];
  const passed: Traffic[] = [];
  for (const rule of rules) {
    if (!rule.isFrom(from, self) || !rule.isTo(to, self)) continue;
    for (const box of rule.traffic) {
      if (rule.passes) passed.push(...commonOfAll(undecided, [box]));
      undecided = without(undecided, box);
    }
  }
  return from.id === to.id ? [...passed, ...undecided] : passed;
}
