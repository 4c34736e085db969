/**
 * What a port may exchange with somebody, all tiers taken together:
 *
 *     admin ──► security groups, which add up; where they do not restrict: baseline ──► and, whatever came of these, applications
 *
 * Of a tier the first rule that means a flow decides. Pure.
 */
import type { Traffic } from '../model/networks.ts';
import type { Allowance, OrderedRule, PeerTest, Tiers } from '../model/policy.ts';
import { commonOfAll, disjointTraffic, EVERYTHING, without } from './traffic.ts';

/** One direction of a port. */
export interface Judgement {
  /** Absent where security groups do not restrict the direction. */
  readonly allowances?: readonly Allowance[];
  readonly tiers?: Tiers;
}

/** The traffic that may be exchanged with whom some peers mean (`peerKey`), in separate boxes. */
export type Judge = (peers: readonly string[]) => readonly Traffic[];

/** A judge of one direction of a port. */
export function createJudge({ allowances, tiers }: Judgement): Judge {
  const granted = allowances === undefined ? undefined : meaning(allowances);
  const admin = meaning(tiers?.admin ?? []);
  const baseline = meaning(tiers?.baseline ?? []);
  const applications = tiers?.applications === undefined ? undefined : meaning(tiers.applications);
  const byGroups = (peers: readonly string[]): readonly Traffic[] =>
    granted === undefined ? openedBy(baseline(peers)) : disjointTraffic(granted(peers).map(({ traffic }) => traffic));
  return (peers) => {
    const { passed, left } = sorted(admin(peers));
    const ofCluster = [...passed, ...commonOfAll(left, byGroups(peers))];
    return applications === undefined ? ofCluster : commonOfAll(ofCluster, sorted(applications(peers)).passed);
  };
}

/** What of that the rules that are picked decide. */
export function createPicker(judgement: Judgement, isPicked: (rule: OrderedRule) => boolean): Judge {
  const { allowances, tiers } = judgement;
  const allowed = createJudge(judgement);
  const deciding = (rules: readonly OrderedRule[] = []) =>
    meaning(
      rules.map((rule) => (isPicked(rule) || rule.action === 'skip' ? rule : { ...rule, action: 'deny' as const })),
    );
  const [admin, baseline] = [deciding(tiers?.admin), deciding(tiers?.baseline)];
  const applications = deciding(tiers?.applications);
  return (peers) => {
    const { passed, left } = sorted(admin(peers));
    const last = allowances === undefined ? commonOfAll(left, sorted(baseline(peers)).passed) : [];
    const decided = disjointTraffic([...passed, ...last, ...sorted(applications(peers)).passed]);
    return commonOfAll(decided, allowed(peers));
  };
}

/** Every ordered rule of some tiers. */
export function orderedRulesOf({ admin = [], baseline = [], applications = [] }: Tiers): readonly OrderedRule[] {
  return [...admin, ...baseline, ...applications];
}

/** A peer as text: what a judge is asked with. */
export function peerKey(peer: PeerTest): string {
  return peer.kind === 'block' ? peer.cidr : groupKey(peer.group, peer.family);
}

/** The peer that stands for a group in one family. */
export function groupKey(group: string, family: '4' | '6'): string {
  return `${family} ${group}`;
}

/** The rules that speak of peers, in their order. */
function meaning<R extends { readonly peer: PeerTest }>(
  rules: readonly R[],
): (peers: readonly string[]) => readonly R[] {
  const places = new Map<string, number[]>();
  for (const [place, { peer }] of rules.entries()) {
    const key = peerKey(peer);
    const known = places.get(key);
    if (known === undefined) places.set(key, [place]);
    else known.push(place);
  }
  return (peers) =>
    peers
      .flatMap((key) => places.get(key) ?? [])
      .sort((a, b) => a - b)
      .flatMap((place) => rules[place] ?? []);
}

/** What an ordered list passes, and what it leaves to others. */
function sorted(rules: readonly OrderedRule[]): {
  readonly passed: readonly Traffic[];
  readonly left: readonly Traffic[];
} {
  let undecided: readonly Traffic[] = [EVERYTHING];
  const passed: Traffic[] = [];
  const skipped: Traffic[] = [];
  for (const { traffic, action } of rules) {
    if (undecided.length === 0) break;
    if (action !== 'deny') (action === 'pass' ? passed : skipped).push(...commonOfAll(undecided, [traffic]));
    undecided = without(undecided, traffic);
  }
  return { passed, left: [...undecided, ...skipped] };
}

/** All but what an ordered list denies. */
function openedBy(rules: readonly OrderedRule[]): readonly Traffic[] {
  const { passed, left } = sorted(rules);
  return [...passed, ...left];
}
