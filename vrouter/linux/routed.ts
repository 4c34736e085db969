/**
 * Networks whose router has several addresses of a family: each pod has one of them, by its own address, alike on all nodes, and each of
 * them leads to the node that translates for it. Pure.
 */
import { holderOf } from '../../contrail/rendezvous.ts';
import type { EgressAddress } from '../model/edges.ts';
import { perFamily } from './chain.ts';
import type { ElementCollector } from './document.ts';
import { familyOf } from './family.ts';
import { numbered } from './lanes.ts';
import type { Marks } from './marks.ts';

/** How many shares the addresses of a network have of its pods. */
const SHARES = 64;

/** `routed_shares`: by the source's network and a pod's share, the pair of flows under an address. */
export const ROUTED_SETS: readonly string[] = perFamily(({ n }) => [
  `map routed_shares${n} { typeof ct mark . numgen random mod ${SHARES} : ct mark; }`,
]);

/** -90: the pair of a new flow to the outside by its network's router. */
export const BY_SHARE: readonly string[] = perFamily(({ n, ip }) => [
  `ct mark set ct mark . jhash ${ip} saddr mod ${SHARES} seed 0x4f435345 map @routed_shares${n} meta mark set ct mark map @ways_out accept`,
]);

/** Whether there is a network with several of one family. */
export function isShared(egress: readonly EgressAddress[]): boolean {
  return egress.length > new Set(egress.map(sharersOf)).size;
}

/** The network and the family of an address, whose pods share those that are of both. */
export function sharersOf({ network, address }: Pick<EgressAddress, 'network' | 'address'>): string {
  return `${network} ${familyOf(address)}`;
}

/** Adds by which pair new flows of networks go outside. */
export function addChoices(into: ElementCollector, egress: readonly EgressAddress[], marks: Marks): void {
  const choices = Map.groupBy(egress, ({ network, address }) => `${familyOf(address)} . ${marks.of(network)}`);
  for (const [key, all] of choices) {
    const [n = '', mark = ''] = key.split(' . ');
    const pairs = new Map(all.map((each) => [each.address, pairOf(each, marks)]));
    const pairOfShare = (share: number): string => pairs.get(holderOf(`${share}`, [...pairs.keys()]) ?? '') ?? '';
    if (pairs.size === 1) into.add(`routed${n}`, mark, pairOfShare(0));
    else
      for (const share of Array(SHARES).keys()) into.add(`routed_shares${n}`, `${mark} . ${share}`, pairOfShare(share));
  }
}

/** The pair of flows under an address. */
export function pairOf({ network, address, index }: EgressAddress, marks: Marks): string {
  return marks.routedPair(network, { family: familyOf(address), index });
}

/** Numbers of networks are below this one, and those of further ways from it on. */
const FURTHER = { first: 0x8000, count: 7000 } as const;

/** The numbers of ways to the nodes that translate: a network's own for an only address, and for one of several one made of its name. */
export function wayNumbers(egress: readonly EgressAddress[]): (each: EgressAddress) => number {
  const several = [...Map.groupBy(egress, sharersOf).values()].filter(({ length }) => length > 1).flat();
  const further = numbered(several.map(nameOf), FURTHER.count);
  return (each) => {
    const number = further.get(nameOf(each));
    return number === undefined ? each.network : FURTHER.first + number;
  };
}

function nameOf({ network, address }: EgressAddress): string {
  return `${network} ${address}`;
}
