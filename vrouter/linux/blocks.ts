/**
 * Overlapping blocks of addresses as disjoint ranges: an interval set takes no element that shares a packet with another one. Pure.
 */
import type { Span, Traffic } from '../model/networks.ts';
import { type AddressRange, addressText, rangeOf, valueOf } from './address-value.ts';

/** A range of addresses, and the blocks that all of it lies in. */
export interface OpenRange {
  readonly range: AddressRange;
  readonly cidrs: readonly string[];
}

/** A range of addresses as nft writes it, and what may be exchanged with all of it. */
export interface RangeTraffic {
  readonly addresses: string;
  readonly traffic: readonly Traffic[];
}

/** The disjoint ranges of blocks of one family, in the order of addresses; what no block covers is left out. */
export function openRanges(cidrs: readonly string[]): readonly OpenRange[] {
  const edges = edgesOf(new Set(cidrs));
  const open = new Set<string>();
  return edges.flatMap(({ at, enter, leave }, index) => {
    for (const cidr of enter) open.add(cidr);
    for (const cidr of leave) open.delete(cidr);
    const end = edges[index + 1]?.at;
    return open.size === 0 || end === undefined ? [] : [{ range: [at, end - 1n] as const, cidrs: [...open] }];
  });
}

/** The blocks that an address lies in. */
export function blocksAt(ranges: readonly OpenRange[], address: string): readonly string[] {
  const value = valueOf(address);
  let [low, high] = [0, ranges.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const [, last] = ranges[middle]?.range ?? [0n, 0n];
    if (last < value) low = middle + 1;
    else high = middle;
  }
  const found = ranges[low];
  return found !== undefined && found.range[0] <= value ? found.cidrs : [];
}

/** What may be exchanged with ranges; neighbours that have the same are one. */
export function rangeTraffic(
  ranges: readonly OpenRange[],
  family: '4' | '6',
  trafficOf: (cidrs: readonly string[]) => readonly Traffic[],
): readonly RangeTraffic[] {
  const merged: (OpenRange & { readonly key: string; readonly traffic: readonly Traffic[] })[] = [];
  for (const { range, cidrs } of ranges) {
    const traffic = trafficOf(cidrs);
    const key = JSON.stringify(traffic);
    const last = merged.at(-1);
    const joins = last?.key === key && last.range[1] + 1n === range[0];
    if (joins) merged.splice(-1, 1, { ...last, range: [last.range[0], range[1]] });
    else merged.push({ range, cidrs, key, traffic });
  }
  return merged.map(({ range, traffic }) => ({ addresses: rangeText(range, family), traffic }));
}

/** A span as nft writes it. */
export function spanText([first, last]: Span): string {
  return first === last ? String(first) : `${first}-${last}`;
}

/**
 * A span as a range, of a single value too: of an element that has none, and holds a mark, nft (1.0.6) writes the bytes in another order
 * when it is to be deleted, and the kernel knows no such element.
 */
export function intervalText([first, last]: Span): string {
  return `${first}-${last}`;
}

function rangeText([first, last]: AddressRange, family: '4' | '6'): string {
  return first === last ? addressText(first, family) : `${addressText(first, family)}-${addressText(last, family)}`;
}

interface Edge {
  readonly at: bigint;
  readonly enter: string[];
  readonly leave: string[];
}

function edgesOf(cidrs: ReadonlySet<string>): readonly Edge[] {
  const edges = new Map<bigint, Edge>();
  const edgeAt = (at: bigint): Edge => {
    const edge = edges.get(at) ?? { at, enter: [], leave: [] };
    edges.set(at, edge);
    return edge;
  };
  for (const cidr of cidrs) {
    const [first, last] = rangeOf(cidr);
    edgeAt(first).enter.push(cidr);
    edgeAt(last + 1n).leave.push(cidr);
  }
  return [...edges.values()].sort((a, b) => (a.at < b.at ? -1 : 1));
}
