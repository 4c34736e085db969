/** Runs one round after another, as long as something has changed: what changes during a round is the next one's. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../runtime/log.ts';
import { messageOf } from '../runtime/errors.ts';

export interface Rounds {
  /** Asks for a round: soon, and once for all who ask meanwhile. */
  readonly wake: () => void;
  /** Runs a first round and those that are asked for, until the signal is aborted; resolves when one has succeeded. */
  readonly start: (round: () => Promise<void>) => Promise<void>;
}

/** A rollout changes several objects at once; and a round that failed is tried again after a while. */
const GATHER_MS = 20;
const RETRY_MS = 2_000;

/** Rounds that nobody has started yet. */
export function createRounds({ signal, log }: { readonly signal: AbortSignal; readonly log: Logger }): Rounds {
  const served = Promise.withResolvers<void>();
  let next = Promise.withResolvers<void>();
  const wake = (): void => next.resolve();
  const run = async (round: () => Promise<void>): Promise<void> => {
    while (!signal.aborted) {
      next = Promise.withResolvers<void>();
      try {
        await round();
        served.resolve();
      } catch (error) {
        log.error({ reason: messageOf(error) }, 'a round failed and is tried again');
        setTimeout(wake, RETRY_MS).unref();
      }
      await next.promise;
      await sleep(GATHER_MS);
    }
  };
  signal.addEventListener('abort', () => next.resolve(), { once: true });
  return {
    wake,
    start: async (round) => {
      void run(round);
      await served.promise;
    },
  };
}
