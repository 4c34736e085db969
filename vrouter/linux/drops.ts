/** Connections that were refused, noted where they are dropped. Pure. */
import { chain } from './chain.ts';
import { type Noted, noteChain, noteChains, noteListings, type Notes, noteSets, parseNoted } from './noted.ts';

/** What refused a connection: a pod's policy in a direction, or that no pair of networks is there for it. */
export type DropReason = 'ingress' | 'egress' | 'network';

/** Remembered for as long as somebody takes to ask. */
const DROPS: Notes<DropReason> = {
  title: 'dropped',
  reasons: ['ingress', 'egress', 'network'],
  seconds: 600,
  size: 4096,
};

export const DROP_SETS: readonly string[] = noteSets(DROPS);

/** The chains that note a packet, and the one that refuses where no pair is. */
export function dropChains(): readonly string[] {
  const refusal = chain('refuse_unpaired', undefined, [
    `meta nfproto vmap { ipv4 : jump ${dropChain('network', '4')}, ipv6 : jump ${dropChain('network', '6')} }`,
    'counter name unpaired drop',
  ]);
  return [...noteChains(DROPS), refusal];
}

/** The chain that notes a refused packet of a family. */
export function dropChain(reason: DropReason, n: string): string {
  return noteChain(DROPS, reason, n);
}

/** A refused connection as the kernel has it. */
export type NotedDrop = Noted<DropReason>;

/** The names of the sets. */
export const DROP_LISTINGS: readonly string[] = noteListings(DROPS);

/** Reads nft's listing of one of them. */
export function parseDrops(text: string): readonly NotedDrop[] {
  return parseNoted(DROPS, text);
}
