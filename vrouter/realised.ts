/**
 * Which revision of the configuration stands in the kernel.
 *
 *     changed ──begin──► a round ──its end──► stands          a further change meanwhile: what was heard at its beginning stands
 *        passed: others' changes; where everything that was heard stands, the new revision does at once
 */

/** A place in the configuration's history. */
export interface Position {
  readonly revision: number;
  /** Names the database. */
  readonly epoch: string;
}

export interface Realised {
  /** A configuration that has yet to be applied. */
  readonly changed: (position: Position) => void;
  /** A revision in which nothing is different here. */
  readonly passed: (position: Position) => void;
  /** A round begins with what was heard; what it answers is called when all of that stands. */
  readonly begin: () => () => void;
  /** `undefined` before anything stands. */
  readonly position: () => Position | undefined;
}

/** Nothing stands yet. */
export function createRealised(): Realised {
  let heard: Position | undefined;
  let standing: Position | undefined;
  let changes = 0;
  let applied = 0;
  return {
    changed(position) {
      heard = position;
      changes += 1;
    },
    passed(position) {
      heard = position;
      if (applied === changes) standing = position;
    },
    begin() {
      const [start, position] = [changes, heard];
      return () => {
        applied = start;
        standing = start === changes ? heard : position;
      };
    },
    position: () => standing,
  };
}
