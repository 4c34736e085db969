/** Refused connections with what is known here of their ends: networks, and the groups that restrict the port. Pure. */
import { type DropReason, isOfPolicy, type NotedDrop } from '../linux/drops.ts';
import { instancesOf } from '../linux/marks.ts';
import type { ForwardingState } from '../model.ts';
import type { InstanceId } from '../model/networks.ts';
import { createJudged } from './judged.ts';

interface DroppedEnd {
  readonly address: string;
  /** The colon-form name of its network; absent for nodes and the world outside. */
  readonly network?: string;
}

/** A connection that this node has refused, as `/introspect/drops` tells it. */
export interface Drop extends Pick<NotedDrop, 'protocol' | 'port' | 'packets' | 'secondsAgo'> {
  readonly reason: DropReason;
  readonly from: DroppedEnd;
  readonly to: DroppedEnd;
  /** The security groups of the pod whose policy refused it, where these have the last word on it still. */
  readonly groups: readonly string[];
  /** The firewall rules that have. */
  readonly rules: readonly string[];
}

/** The connections, the latest first. */
export function dropsOf(noted: readonly NotedDrop[], state: ForwardingState): readonly Drop[] {
  const judge = createJudged(state);
  return noted
    .map((each) => dropOf(each, judge, state))
    .sort((a, b) => a.secondsAgo - b.secondsAgo || (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

function dropOf({ mark, from, to, ...drop }: NotedDrop, judge: Judge, state: ForwardingState): Drop {
  const [source, target] = instancesOf(mark);
  const judges = judgesOf({ ...drop, mark, from, to }, judge);
  return { ...drop, from: endOf(from, source, state), to: endOf(to, target, state), ...judges };
}

type Judge = ReturnType<typeof createJudged>;

/** Whose word it is that the port's flow is refused. */
function judgesOf(drop: NotedDrop, judge: Judge): Pick<Drop, 'groups' | 'rules'> {
  if (!isOfPolicy(drop.reason)) return { groups: [], rules: [] };
  const { policy, verdict } = judge(drop, drop.reason);
  if (verdict.kind === 'judged' && verdict.tier !== 'groups')
    return { groups: [], rules: verdict.by.map(({ by }) => by) };
  return { groups: policy?.groups ?? [], rules: [] };
}

/** Where no pair was, the target's network is whose address it is, if only one has it. */
function endOf(address: string, network: InstanceId | undefined, state: ForwardingState): DroppedEnd {
  const id = network ?? onlyHolder(address, state);
  const name = id === state.fabric ? undefined : state.networks.find((each) => each.id === id)?.name;
  return { address, ...(name === undefined ? {} : { network: name }) };
}

function onlyHolder(address: string, { ports, remotes }: ForwardingState): InstanceId | undefined {
  const holders = [
    ...ports.filter(({ addresses }) => addresses.includes(address)),
    ...remotes.filter((remote) => remote.address === address),
  ];
  const networks = new Set(holders.map(({ network }) => network));
  return networks.size === 1 ? holders[0]?.network : undefined;
}
