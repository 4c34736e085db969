/** Connections that were refused, noted where they are dropped. Pure. */
import { chain } from './chain.ts';
import { type Noted, noteChain, noteChains, noteListings, type Notes, noteSets, parseNoted } from './noted.ts';

/** What refused a connection: a pod's policy in a direction, that no pair of networks is there for it, or that nobody works for a service on its way. */
export type DropReason = 'ingress' | 'egress' | 'network' | 'chain';

/** Whether a pod's policy refused it, rather than what is between the networks. */
export function isOfPolicy(reason: DropReason): reason is 'ingress' | 'egress' {
  return reason === 'ingress' || reason === 'egress';
}

/** Remembered for as long as somebody takes to ask. */
const DROPS: Notes<DropReason> = {
  title: 'dropped',
  reasons: ['ingress', 'egress', 'network', 'chain'],
  seconds: 600,
  size: 4096,
};

export const DROP_SETS: readonly string[] = noteSets(DROPS);

/** The chains that note a packet, and those that refuse where no pair is, and where a service has nobody. */
export function dropChains(): readonly string[] {
  return [
    ...noteChains(DROPS),
    chain('refuse_unpaired', undefined, [`meta ${noting('network')}`, 'counter name unpaired drop']),
    // An answer's addresses are not those of its connection's mark.
    chain('refuse_unserved', undefined, [
      `ct direction original meta ${noting('chain')}`,
      'counter name unserved drop',
    ]),
  ];
}

function noting(reason: DropReason): string {
  return `nfproto vmap { ipv4 : jump ${dropChain(reason, '4')}, ipv6 : jump ${dropChain(reason, '6')} }`;
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
