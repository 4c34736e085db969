/** Keys on their way to the queue: collected, each once, and sent in batches, also across an absence of Redis. */
import { messageOf } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';

const BATCH = 500;
const PAUSE_MS = 500;

export interface Producer {
  /** Takes keys in, each once; never rejects. */
  readonly add: (keys: Iterable<string>) => void;
  /** Resolves when nothing waits to be sent. */
  readonly flushed: () => Promise<void>;
  /** Sends no more; waits at most a second for what is on its way. */
  readonly close: () => Promise<void>;
}

/** Collects keys and sends them in batches, one batch at a time: what waits while Redis is away is a set, not a backlog. */
export function createProducer(send: (keys: readonly string[]) => Promise<void>, log: Logger): Producer {
  const pending = new Set<string>();
  let sending: Promise<void> | undefined;
  let closed = false;
  const drain = async (): Promise<void> => {
    while (pending.size > 0 && !closed) {
      const batch = [...pending].slice(0, BATCH);
      for (const key of batch) pending.delete(key);
      try {
        await send(batch);
      } catch (error) {
        for (const key of batch) pending.add(key);
        log.warn({ reason: messageOf(error), keys: pending.size }, 'cannot enqueue yet');
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    }
  };
  const start = (): void => {
    sending ??= drain().finally(() => {
      sending = undefined;
    });
  };
  return {
    add: (keys) => {
      for (const key of keys) pending.add(key);
      start();
    },
    flushed: async () => {
      while (sending !== undefined) await sending;
    },
    close: async () => {
      closed = true;
      await Promise.race([sending, new Promise((resolve) => setTimeout(resolve, 1_000))]);
    },
  };
}
