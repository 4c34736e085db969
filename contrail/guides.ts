/** Guides: the nodes that are sent every pod that nodes may reach, and lead the others there (ADR 0009). Pure. */
import { holderOf } from './rendezvous.ts';

/** Two that are used and one in reserve: whoever takes the place of one that goes has been sent everything already. */
const GUIDES = 3;
const USED = 2;

/** The guides among all nodes by name, first those that are used; none where every node would be one, and so nobody is led. */
export function guidesOf(nodes: readonly string[]): readonly string[] {
  if (nodes.length <= GUIDES) return [];
  // In one order, since of two with the same score the first is chosen.
  const rest = new Set([...nodes].sort());
  return Array.from({ length: GUIDES }, () => {
    const next = holderOf('guide', [...rest]) ?? '';
    rest.delete(next);
    return next;
  });
}

/** The guide that a node uses: one of the first two that live, so that these share the others; where none is known to live, any. */
export function guideFor(node: string, guides: readonly string[], dead: ReadonlySet<string>): string | undefined {
  const alive = guides.filter((guide) => !dead.has(guide));
  return holderOf(node, (alive.length > 0 ? alive : guides).slice(0, USED));
}
