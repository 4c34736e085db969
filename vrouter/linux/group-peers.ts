/** Who the other ends of judged ports can be, network by network: members of groups, and the flows by which they come. Pure. */
import type { ForwardingState } from '../model.ts';
import type { InstanceId, Passage } from '../model/networks.ts';
import type { Direction, GroupMember, PeerTest } from '../model/policy.ts';
import { blocksAt, openRanges } from './blocks.ts';
import { familyOf } from './family.ts';

interface JudgedSide {
  readonly port: { readonly network: InstanceId };
  /** Everybody that its rules speak of. */
  readonly peers: readonly PeerTest[];
  /** Whether groups and blocks are judged together: rules have an order. */
  readonly isOrdered: boolean;
}

/** An address with what matters of it to a network's ports, and the pairs that flows between them carry. */
export interface Peer {
  readonly address: string;
  readonly groups: readonly string[];
  /** Blocks of ordered rules that it lies in. */
  readonly blocks: readonly string[];
  readonly pairs: readonly Passage[];
}

export interface NetworkPeers<S> {
  readonly network: InstanceId;
  readonly sides: readonly S[];
  readonly peers: readonly Peer[];
}

/** The judged sides of each network with their peers. */
export function groupPeers<S extends JudgedSide>(
  sides: readonly S[],
  direction: Direction,
  state: ForwardingState,
): readonly NetworkPeers<S>[] {
  const networks = [...new Set(sides.map(({ port }) => port.network))].sort((a, b) => a - b);
  return networks.map((network) => {
    const own = sides.filter(({ port }) => port.network === network);
    const named = new Set(
      own.flatMap(({ peers }) => peers.flatMap((peer) => (peer.kind === 'group' ? [peer.group] : []))),
    );
    return { network, sides: own, peers: peersOf(network, { named, blocksOf: blockLookup(own), direction, state }) };
  });
}

/** The blocks of ordered sides that an address lies in. */
function blockLookup(sides: readonly JudgedSide[]): (address: string) => readonly string[] {
  const cidrs = sides
    .filter(({ isOrdered }) => isOrdered)
    .flatMap(({ peers }) => peers.flatMap((peer) => (peer.kind === 'block' ? [peer.cidr] : [])));
  const ranges = { '4': openRanges(inFamily(cidrs, '4')), '6': openRanges(inFamily(cidrs, '6')) };
  return (address) => blocksAt(ranges[familyOf(address)], address);
}

function inFamily(cidrs: readonly string[], family: '4' | '6'): readonly string[] {
  return cidrs.filter((cidr) => familyOf(cidr) === family);
}

interface Wanted {
  readonly named: ReadonlySet<string>;
  readonly blocksOf: (address: string) => readonly string[];
  readonly direction: Direction;
  readonly state: ForwardingState;
}

function peersOf(network: InstanceId, { named, blocksOf, direction, state }: Wanted): readonly Peer[] {
  const pairsOf = direction === 'ingress' ? arrivals(network, state) : departures(network, state);
  // Where an address occurs twice, the network's own comes first, and stays.
  const inOrder = [...state.members].sort((a, b) => Number(b.network === network) - Number(a.network === network));
  return inOrder.flatMap((member) => {
    const groups = member.groups.filter((group) => named.has(group));
    const pairs = groups.length === 0 ? [] : pairsOf(member);
    if (pairs.length === 0) return [];
    return [{ address: member.address, groups, blocks: blocksOf(member.address).toSorted(), pairs }];
  });
}

type PairsOf = (member: GroupMember) => readonly Passage[];

/** What comes through the tunnel comes under the number of its destination's network, whatever network it started in. */
function arrivals(network: InstanceId, state: ForwardingState): PairsOf {
  const sources = new Set(
    [...state.passages, ...state.servicePassages].filter(({ to }) => to === network).map(({ from }) => from),
  );
  const chained = new Set(
    chainedPassages(state)
      .filter(({ to }) => to === network)
      .map(({ from }) => from),
  );
  const overlapping = new Set(state.networks.filter((each) => each.overlapping).map(({ id }) => id));
  const own = { from: network, to: network };
  return ({ network: from }) => {
    if (from === network) return [own];
    if (chained.has(from)) return [{ from, to: network }];
    if (!sources.has(from)) return [];
    // Those of overlapping networks come from elsewhere under their node's address.
    return overlapping.has(from) ? [{ from, to: network }] : [{ from, to: network }, own];
  };
}

function departures(network: InstanceId, state: ForwardingState): PairsOf {
  const targets = new Set(
    [...state.passages, ...chainedPassages(state), ...state.servicePassages]
      .filter(({ from }) => from === network)
      .map(({ to }) => to),
  );
  return ({ network: to }) => (to === network || targets.has(to) ? [{ from: network, to }] : []);
}

/** What comes by services comes as it was sent. */
function chainedPassages({ chains }: ForwardingState): readonly Passage[] {
  return chains.flatMap(({ passages }) => passages);
}
