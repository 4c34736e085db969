/** Who may reach whom (facts 3.2): the acceptance table of this project, as data. Pure. */

/** A place a connection starts at or ends in. Two isolated namespaces stand for all of them. */
export type Place = 'default' | 'isolatedA' | 'isolatedB' | 'node';
/** What is asked for there. A node has no service of its own. */
export type Kind = 'pod' | 'service' | 'node';

/** Rows of facts 3.2: from each place, the targets that answer; whatever is not listed must not. */
const ALLOWED: Readonly<Record<Place, Readonly<Record<Place, readonly Kind[]>>>> = {
  default: { default: ['pod', 'service'], isolatedA: [], isolatedB: [], node: ['node'] },
  isolatedA: { default: ['service'], isolatedA: ['pod', 'service'], isolatedB: [], node: ['node'] },
  isolatedB: { default: ['service'], isolatedA: [], isolatedB: ['pod', 'service'], node: ['node'] },
  node: {
    default: ['pod', 'service'],
    isolatedA: ['pod', 'service'],
    isolatedB: ['pod', 'service'],
    node: ['node'],
  },
};

/** Whether a connection from `from` to a `kind` in `to` must come about. */
export function isReachable(from: Place, to: Place, kind: Kind): boolean {
  return ALLOWED[from][to].includes(kind);
}
