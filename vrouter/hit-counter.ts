/** Counts what each rule of this node's ports has decided, from the program's start. */
import { readDrops, readHits } from './apply/noted.ts';
import type { Run } from './apply/run.ts';
import type { Engine } from './engine.ts';
import { createHits, type Hit } from './explain/hits.ts';

/** What rules have decided, as `/introspect/hits` tells it. */
export interface HitCount {
  /** Whole seconds that it has been counted for. */
  readonly forSeconds: number;
  /** False where more connections came at once than the kernel notes: counts are too low then. */
  readonly isComplete: boolean;
  readonly hits: readonly Hit[];
}

export interface HitCounter {
  /** Takes up what the kernel has noted since the last look; one look at a time. Throws where the table is not loaded. */
  readonly look: () => Promise<void>;
  /** Counts up to this moment. */
  readonly read: () => Promise<HitCount>;
}

/** Counts from now on. */
export function createHitCounter(engine: Pick<Engine, 'state'>, run: Run): HitCounter {
  const startedAt = performance.now();
  const hits = createHits();
  let isComplete = true;
  let looking: Promise<void> = Promise.resolve();
  const lookOnce = async (): Promise<void> => {
    const state = engine.state();
    if (state === undefined || state.policies.length === 0) return;
    const [passed, drops] = await Promise.all([readHits(run), readDrops(run)]);
    isComplete &&= passed.isComplete;
    hits.add({ hits: passed.hits, drops }, state);
  };
  const look = (): Promise<void> => {
    // A look that failed has told its own caller.
    looking = looking.catch(() => undefined).then(lookOnce);
    return looking;
  };
  return {
    look,
    async read() {
      await look();
      return { forSeconds: Math.floor((performance.now() - startedAt) / 1000), isComplete, hits: hits.list() };
    },
  };
}
