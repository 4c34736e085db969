/** What is copied of flows that rules of firewall policies pass (`mirror_to` of their `action_list`). Pure. */
import { openRanges, rangeTraffic } from '../linux/blocks.ts';
import { familyOf, hostPrefix } from '../linux/family.ts';
import { groupPeers, type Peer } from '../linux/group-peers.ts';
import type { ForwardingState } from '../model.ts';
import type { Mirror } from '../model/chains.ts';
import type { Direction, OrderedRule, PortPolicy, RuleMirror } from '../model/policy.ts';
import { createPicker, groupKey, type Judge, orderedRulesOf } from './decision.ts';
import { answersTo } from './mirrors.ts';

/** What each port sends and, where it alone is asked, receives of flows that such a rule decides. */
export function compileFirewallMirrors(state: ForwardingState): readonly Mirror[] {
  return (['egress', 'ingress'] as const).flatMap((direction) => {
    const sides = state.policies.flatMap((policy) => sidesOf(policy, direction, state));
    return groupPeers(sides, direction, state).flatMap(({ sides: own, peers }) =>
      own.flatMap((side) => mirrorsAt(side, direction, peers)),
    );
  });
}

interface Side {
  readonly port: ForwardingState['ports'][number];
  readonly policy: PortPolicy;
  readonly rules: readonly OrderedRule[];
  readonly peers: readonly OrderedRule['peer'][];
  readonly isOrdered: true;
}

/** A port's side, if any of its rules copies. */
function sidesOf(policy: PortPolicy, direction: Direction, { ports }: ForwardingState): readonly Side[] {
  const rules = orderedRulesOf(policy.tiers?.[direction] ?? {});
  if (rules.every(({ mirror }) => mirror === undefined)) return [];
  const peers = [...(policy[direction] ?? []), ...rules].map(({ peer }) => peer);
  return ports.filter(({ vmi }) => vmi === policy.vmi).map((port) => ({ port, policy, rules, peers, isOrdered: true }));
}

function mirrorsAt(side: Side, direction: Direction, members: readonly Peer[]): readonly Mirror[] {
  const { policy, rules, port } = side;
  const [allowances, tiers] = [policy[direction], policy.tiers?.[direction]];
  const judgement = { ...(allowances === undefined ? {} : { allowances }), ...(tiers === undefined ? {} : { tiers }) };
  const mirrors = new Map(rules.flatMap(({ mirror }) => (mirror === undefined ? [] : [[keyOf(mirror), mirror]])));
  return [...mirrors].flatMap(([key, { analyzer, isOneSided }]) => {
    const judge = createPicker(judgement, ({ mirror }) => mirror !== undefined && keyOf(mirror) === key);
    return sharesOf(side, members, judge).flatMap(({ peers, traffic }) => {
      const answers = traffic.map(answersTo);
      const [sent, received] = direction === 'egress' ? [traffic, answers] : [answers, traffic];
      const copied = { vmi: port.vmi, analyzer };
      return [
        { ...copied, sent: true, received: false, only: { peers, traffic: sent } },
        ...(isOneSided ? [{ ...copied, sent: false, received: true, only: { peers, traffic: received } }] : []),
      ];
    });
  });
}

function keyOf({ analyzer, isOneSided }: RuleMirror): string {
  return `${analyzer} ${isOneSided}`;
}

/** The others by what is copied of the traffic with them: blocks, in which members of groups stand out. */
function sharesOf({ peers }: Side, members: readonly Peer[], judge: Judge): readonly NonNullable<Mirror['only']>[] {
  const shares = (['4', '6'] as const).flatMap((family) => {
    const groupsOf = new Map(
      // A network's own comes first, where an address occurs twice.
      members
        .toReversed()
        .flatMap(({ address, groups }) => (familyOf(address) === family ? [[hostPrefix(address), groups]] : [])),
    );
    const blocks = peers.flatMap((peer) =>
      peer.kind === 'block' && familyOf(peer.cidr) === family ? [peer.cidr] : [],
    );
    return rangeTraffic(openRanges([...blocks, ...groupsOf.keys()]), family, (cidrs) =>
      judge(cidrs.flatMap((cidr) => [cidr, ...(groupsOf.get(cidr) ?? []).map((group) => groupKey(group, family))])),
    );
  });
  const copied = shares.filter(({ traffic }) => traffic.length > 0);
  return [...Map.groupBy(copied, ({ traffic }) => JSON.stringify(traffic)).values()].map((alike) => ({
    peers: alike.map(({ addresses }) => addresses),
    traffic: alike[0]?.traffic ?? [],
  }));
}
