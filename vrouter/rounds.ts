/**
 * One round at a time: whatever arrives during a round goes into the next, so a burst becomes one round.
 *
 *     idle ──request──► running ──nothing new──► idle
 *                        │  ▲
 *                        └──┘ something new; or, after a pause, something failed
 */
import { setTimeout as sleep } from 'node:timers/promises';

export type RoundResult = 'applied' | 'incomplete' | 'failed';

export interface Rounds {
  /** Asks for a round that begins after this moment. */
  readonly request: () => void;
  /** Resolves when no round is under way. */
  readonly idle: () => Promise<void>;
  /** Resolves after the current round; no other begins. */
  readonly close: () => Promise<void>;
}

/** Pauses in milliseconds before a round that was not `applied` is tried again. */
const RETRY_MS = [100, 500, 1000, 5000, 15_000] as const;

/** Rounds of `round`, which must not throw: it answers how it ended. */
export function createRounds(round: () => Promise<RoundResult>): Rounds {
  const stop = new AbortController();
  let wanted = false;
  let failures = 0;
  let running: Promise<void> | undefined;

  const run = async (): Promise<void> => {
    // Requests that came in one burst join the same round.
    await new Promise(setImmediate);
    while (wanted && !stop.signal.aborted) {
      wanted = false;
      failures = (await round()) === 'applied' ? 0 : failures + 1;
      if (failures > 0) void again(RETRY_MS[Math.min(failures, RETRY_MS.length) - 1] ?? RETRY_MS[0]);
    }
  };
  const request = (): void => {
    wanted = true;
    if (running !== undefined || stop.signal.aborted) return;
    running = run().finally(() => {
      running = undefined;
      if (wanted) request();
    });
  };
  const again = async (pauseMs: number): Promise<void> => {
    // Closing ends the pause.
    await sleep(pauseMs, undefined, { signal: stop.signal, ref: false }).catch(() => undefined);
    request();
  };
  return {
    request,
    idle: async () => running,
    async close() {
      stop.abort();
      await running;
    },
  };
}
