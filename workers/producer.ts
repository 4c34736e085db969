/** Keys on their way to the queue: collected, each once, and sent in batches, also across an absence of Redis. */
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';

const BATCH = 500;
const PAUSE_MS = 500;
const CLOSE_MS = 1_000;

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
  const stop = new AbortController();
  let sending: Promise<void> = Promise.resolve();
  let isSending = false;
  const sendBatch = async (): Promise<void> => {
    const batch = [...pending].slice(0, BATCH);
    for (const key of batch) pending.delete(key);
    try {
      await send(batch);
    } catch (error) {
      for (const key of batch) pending.add(key);
      log.warn({ reason: messageOf(error), keys: pending.size }, 'cannot enqueue yet');
      await sleep(PAUSE_MS, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  };
  const drain = async (): Promise<void> => {
    isSending = true;
    while (pending.size > 0 && !stop.signal.aborted) await sendBatch();
    isSending = false;
  };
  return {
    add: (keys) => {
      for (const key of keys) pending.add(key);
      if (!isSending) sending = drain();
    },
    flushed: async () => await sending,
    close: async () => {
      stop.abort();
      await Promise.race([sending, sleep(CLOSE_MS, undefined, { ref: false })]);
    },
  };
}
