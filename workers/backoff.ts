/** How long a failing key waits. Pure but for its jitter's source, which is an argument. */

const FIRST_MS = 250;

/** Doubling from 250 ms up to `longestMs`, the upper half at random, so that keys that failed together do not retry together. */
export function backoffMs(attempts: number, longestMs: number, random: () => number = Math.random): number {
  const full = Math.min(longestMs, FIRST_MS * 2 ** Math.min(Math.max(attempts - 1, 0), 20));
  return Math.round(full / 2 + (random() * full) / 2);
}

const LONGEST_WAIT_MS = 5_000;

/** How long a key waits that is not at fault: at first what was asked for, then longer, up to 5 s or what was asked for. */
export function waitMs(attempts: number, askedMs: number): number {
  return Math.round(Math.max(askedMs, Math.min(LONGEST_WAIT_MS, askedMs * 1.5 ** Math.min(attempts - 1, 20))));
}
