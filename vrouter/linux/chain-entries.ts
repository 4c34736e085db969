/** Rules and routes of service chains: a table for each interface of a service, since a packet keeps its addresses on the way. Pure. */
import type { Bindings, ForwardingState } from '../model.ts';
import { throughBridge } from './bridges.ts';
import { familyOf, HALVES } from './family.ts';
import { HOST_PREFERENCE } from './forwarded-entries.ts';
import { lanesOf, type Target } from './lanes.ts';
import { CHAINED, hex } from './marks.ts';
import { tunnelTo } from './tunnel.ts';

/** Behind all others of ours but the local table's. */
const PREFERENCE = 7000;

/** A tree of two levels, thirty-two interfaces to a branch. */
export function chainRules(state: ForwardingState): (readonly [preference: number, text: string])[] {
  const targets = lanesOf(state).flatMap((lane) => lane.targets);
  if (targets.length === 0) return [];
  const branches = [...new Set(targets.map(({ number }) => number >> 5))].sort((a, b) => a - b);
  const atBranch = (branch: number): number => PREFERENCE + 10 + branch * 2;
  return [
    ...targets.map(({ number, mark, table }) => [atBranch(number >> 5), `fwmark ${mark} lookup ${table}`] as const),
    ...branches.map((branch) => [atBranch(branch) + 1, 'unreachable'] as const),
    [PREFERENCE + 1, 'unreachable'],
    ...branches.map(
      (branch) =>
        [PREFERENCE, `fwmark ${hex(CHAINED.target + (branch << 5))}/0xffffffe0 goto ${atBranch(branch)}`] as const,
    ),
    [86, `fwmark ${hex(CHAINED.target)}/0xffff0000 goto ${PREFERENCE}`],
    // An error of the node's own carries the mark of what it quotes (fwmark_reflect), but goes back.
    [80, `fwmark ${hex(CHAINED.target)}/0xffff0000 iif lo goto ${HOST_PREFERENCE}`],
  ];
}

interface ChainRoute {
  readonly table: number;
  readonly prefix: string;
  readonly via: string;
  readonly device: string;
}

/** Everything, to the interface. */
export function chainRoutes(state: ForwardingState, bindings: Bindings, device: string): readonly ChainRoute[] {
  return lanesOf(state).flatMap(({ targets, vni }) =>
    targets.flatMap((target) =>
      (['4', '6'] as const).flatMap((family) => {
        const way = wayTo(target, { state, bindings, device, vni, family });
        return way === undefined ? [] : HALVES[family].map((prefix) => ({ table: target.table, prefix, ...way }));
      }),
    ),
  );
}

interface WayContext {
  readonly state: ForwardingState;
  readonly bindings: Bindings;
  readonly device: string;
  readonly vni: number;
  readonly family: '4' | '6';
}

/** To a router by its address, of each family that it has one of; a bridge has none and needs none. */
function wayTo(
  { end, isBridge }: Target,
  { state, bindings, device, vni, family }: WayContext,
): Pick<ChainRoute, 'via' | 'device'> | undefined {
  const address = end.addresses.find((each) => familyOf(each) === family);
  if (address === undefined && !isBridge) return undefined;
  if (end.node !== undefined)
    return { via: tunnelTo({ own: state.address ?? '', node: end.node, network: vni, device, family }), device };
  const host = bindings.get(end.vmi);
  if (host === undefined) return undefined;
  return { via: isBridge ? throughBridge(host, family) : `via ${address} dev ${host} onlink`, device: host };
}
