/** Tells which keys have waited for so long that somebody should hear of it. */

export interface Patience {
  /** Whether a key that is waiting at `now` (milliseconds, monotonic) has waited too long, and this was not said of late. */
  readonly isLate: (key: string, isWaiting: boolean, now: number) => boolean;
}

/** `afterMs` of waiting are too long; it is said again only after as much time again. */
export function createPatience(afterMs: number): Patience {
  const since = new Map<string, number>();
  return {
    isLate: (key, isWaiting, now) => {
      if (!isWaiting) {
        since.delete(key);
        return false;
      }
      const start = since.get(key) ?? now;
      const isLate = now - start >= afterMs;
      since.set(key, isLate ? now : start);
      return isLate;
    },
  };
}
