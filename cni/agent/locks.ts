/** One lock per pod: commands for its sandboxes run one after another, those of different pods side by side. */

export interface Locks {
  /** Runs `work` once every earlier holder of `key` has ended, however it ended. */
  readonly hold: <T>(key: string, work: () => Promise<T>) => Promise<T>;
  /** Resolves once nothing is held. */
  readonly idle: () => Promise<void>;
}

export function createLocks(): Locks {
  const tails = new Map<string, Promise<unknown>>();
  return {
    idle: async () => {
      while (tails.size > 0) await Promise.all(tails.values());
    },
    hold: async (key, work) => {
      const before = tails.get(key) ?? Promise.resolve();
      const run = before.then(work, work);
      // The next holder waits for the end only; the outcome belongs to this caller.
      const tail = run.catch(() => undefined);
      tails.set(key, tail);
      try {
        return await run;
      } finally {
        if (tails.get(key) === tail) tails.delete(key);
      }
    },
  };
}
