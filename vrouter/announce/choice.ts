/** Which addresses of the outside's this node answers for: each address has one node among those that live. Pure. */
import { holderOf } from '../../contrail/rendezvous.ts';
import type { Announcement } from '../model/edges.ts';

/** An address that a node answers for, and where. */
export type Held = Omit<Announcement, 'nodes' | 'holder'>;

/**
 * The addresses that are a node's own: those that it holds, and of those that nobody was named for its share by the highest score
 * (rendezvous hashing): all nodes choose alike, and when one dies only its own addresses move. Sorted.
 */
export function held(
  announcements: readonly Announcement[],
  { own, alive }: { readonly own: string; readonly alive: ReadonlySet<string> },
): readonly Held[] {
  return announcements
    .filter(
      ({ address, nodes, holder }) =>
        (holder ??
          holderOf(
            address,
            nodes.filter((node) => node === own || alive.has(node)),
          )) === own,
    )
    .map(({ nodes: _nodes, holder: _holder, ...place }) => place)
    .sort((a, b) => (a.address < b.address ? -1 : 1));
}
