/** Which addresses of the outside's this node answers for: each address has one node among those that live. Pure. */
import type { Announcement } from '../model.ts';

/**
 * The addresses that are a node's own, by the highest score (rendezvous hashing): all nodes choose alike, and when one dies
 * only its own addresses move.
 */
export function held(
  announcements: readonly Announcement[],
  { own, alive }: { readonly own: string; readonly alive: ReadonlySet<string> },
): readonly string[] {
  return announcements
    .filter(
      ({ address, nodes }) =>
        holderOf(
          address,
          nodes.filter((node) => node === own || alive.has(node)),
        ) === own,
    )
    .map(({ address }) => address)
    .sort();
}

/** The node that has an address, of those that can. */
export function holderOf(address: string, able: readonly string[]): string | undefined {
  return able.reduce<string | undefined>(
    (best, node) => (best === undefined || score(address, node) > score(address, best) ? node : best),
    undefined,
  );
}

/** FNV-1a with a final mix, since the last characters of addresses alone would hardly move the high bits. */
function score(address: string, node: string): number {
  let hash = 0x811c9dc5;
  for (const character of `${address} ${node}`) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}
