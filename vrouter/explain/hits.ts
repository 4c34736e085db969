/**
 * How often each rule has decided. The kernel notes flows, not rules (a rule's elements are shared, and stay as they are when others
 * come and go), so that what it has noted since the last look is given to the rules that decide such a flow now.
 */
import { isOfPolicy, type NotedDrop } from '../linux/drops.ts';
import type { NotedHit } from '../linux/hits.ts';
import type { Noted } from '../linux/noted.ts';
import type { ForwardingState } from '../model.ts';
import type { Direction } from '../model/policy.ts';
import type { Tier } from '../compile/verdict.ts';
import { createJudged, type Judged } from './judged.ts';

/** What one rule has decided, as `/introspect/hits` tells it. */
export interface Hit extends Decider {
  /** New connections that it has let pass; where several rules allow one, each has it. */
  readonly allowed: number;
  /** Packets that it has refused, or that no rule of its security group has allowed. */
  readonly refused: number;
}

interface Decider {
  readonly direction: Direction;
  readonly tier: Tier;
  /** A security group in the colon form, or the title of a firewall rule. */
  readonly by: string;
  /** The `rule_uuid` of a security group's rule; absent where the group as a whole refuses. */
  readonly rule?: string;
}

/** What the kernel has noted. */
export interface Looked {
  readonly hits: readonly NotedHit[];
  readonly drops: readonly NotedDrop[];
}

export interface Hits {
  /** Adds what is new since the last look. */
  readonly add: (looked: Looked, state: ForwardingState) => void;
  readonly list: () => readonly Hit[];
}

/** Firewall policies refuse what none of their rules means. */
const NO_RULE = 'firewall policies';

/** Rules that are remembered; those that have decided nothing for longest go first. */
const MOST_RULES = 10_000;

/** Counts from nothing. */
export function createHits(): Hits {
  const counted = new Map<string, Hit>();
  const allowed = createNews();
  const refused = createNews();
  const count = (decider: Decider, what: 'allowed' | 'refused', packets: number): void => {
    const key = JSON.stringify([decider.direction, decider.by, decider.rule]);
    const known = counted.get(key) ?? { ...decider, allowed: 0, refused: 0 };
    counted.delete(key);
    counted.set(key, { ...known, [what]: known[what] + packets });
    const oldest = counted.size > MOST_RULES ? counted.keys().next().value : undefined;
    if (oldest !== undefined) counted.delete(oldest);
  };
  return {
    add({ hits, drops }, state) {
      const judge = createJudged(state);
      for (const { flow, packets } of allowed(hits))
        for (const decider of allowing(judge(flow, flow.reason), flow.reason)) count(decider, 'allowed', packets);
      for (const { flow, packets } of refused(drops)) {
        if (!isOfPolicy(flow.reason)) continue;
        for (const decider of refusing(judge(flow, flow.reason), flow.reason)) count(decider, 'refused', packets);
      }
    },
    list: () => [...counted.values()],
  };
}

/** A flow with the packets that it has had since the last look. */
function createNews() {
  let before = new Map<string, number>();
  return <N extends Noted<string>>(noted: readonly N[]): readonly { readonly flow: N; readonly packets: number }[] => {
    const now = new Map(noted.map((flow) => [keyOf(flow), flow.packets]));
    const news = noted.flatMap((flow) => {
      const known = before.get(keyOf(flow)) ?? 0;
      // Fewer than before: it was forgotten meanwhile, and noted again.
      const packets = flow.packets < known ? flow.packets : flow.packets - known;
      return packets === 0 ? [] : [{ flow, packets }];
    });
    before = now;
    return news;
  };
}

function keyOf({ reason, mark, from, to, protocol, port }: Noted<string>): string {
  return [reason, mark, from, to, protocol, port].join(' ');
}

/** None where the rules have changed since, so that the flow would be refused now. */
function allowing({ verdict }: Judged, direction: Direction): readonly Decider[] {
  if (verdict.kind !== 'judged' || !verdict.isAllowed) return [];
  const { tier } = verdict;
  const found = verdict.by.map((each) => ({
    direction,
    tier,
    by: each.by,
    ...('rule' in each ? { rule: each.rule } : {}),
  }));
  return [...new Map(found.map((each) => [`${each.by} ${each.rule ?? ''}`, each])).values()];
}

/** The rule that refuses, or that there is none; of security groups each, since one more rule in any would have allowed it. */
function refusing({ policy, verdict }: Judged, direction: Direction): readonly Decider[] {
  if (verdict.kind !== 'judged' || verdict.isAllowed) return [];
  const { tier, by: rules } = verdict;
  const names = tier === 'groups' ? (policy?.groups ?? []) : rules.map(({ by }) => by);
  return (names.length === 0 ? [NO_RULE] : names).map((by) => ({ direction, tier, by }));
}
