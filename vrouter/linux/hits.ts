/**
 * Connections that policy has let pass, noted by their first packet: it alone is not confirmed yet where policy is judged, so that a
 * long connection costs one comparison a packet, and one that is never answered counts once. Pure.
 */
import type { Direction } from '../model/policy.ts';
import { type Noted, noteChain, noteChains, noteListings, type Notes, noteSets, parseNoted } from './noted.ts';

/** Remembered for four looks of the vRouter (`verifyInterval`), which adds up what it finds. */
const HITS: Notes<Direction> = { title: 'passed', reasons: ['ingress', 'egress'], seconds: 120, size: 16_384 };

export const HIT_SETS: readonly string[] = noteSets(HITS);

/** The chains that note a connection. */
export function hitChains(): readonly string[] {
  return noteChains(HITS);
}

/** Notes a connection that passes in a direction, if this packet begins it. */
export function noteHit(direction: Direction, n: string): string {
  return `ct status & confirmed == 0 jump ${noteChain(HITS, direction, n)}`;
}

/** Connections, as many as `packets` says, between the same ends. */
export type NotedHit = Noted<Direction>;

/** The names of the sets. */
export const HIT_LISTINGS: readonly string[] = noteListings(HITS);

/** Reads nft's listing of one of them; `isFull` where connections may have gone by unnoted. */
export function parseHits(text: string): { readonly hits: readonly NotedHit[]; readonly isFull: boolean } {
  const hits = parseNoted(HITS, text);
  return { hits, isFull: hits.length >= HITS.size };
}
