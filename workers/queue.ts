/**
 * The queue: a job is a key, any replica may run it, and one key never runs twice at once. Only `queue*.ts` know BullMQ.
 *
 *            enqueue(key)                        enqueue(key) again
 *                │                                      │
 *   (no job) ────▼──── waiting ── a worker ──► active ──┴─► one more run is noted (`dn:<key>`)
 *                         ▲                     │  │  │
 *                         │      note present ──┘  │  └── done or terminal ──► (no job), or waiting again by the note
 *                         └──── back-off over ◄────┘ failed or "not yet": delayed; a new event ends the delay at once
 *
 * Each option and hook below answers a defect that was observed; test/workers/queue.test.ts shows each.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type JobsOptions, Queue, type Worker } from 'bullmq';
import { messageOf } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import type { Redis } from '../runtime/redis.ts';
import { createLetters, type Letter } from './letters.ts';
import { createProducer } from './producer.ts';
import { type QueueState, readQueueState, readWaiting } from './queue-state.ts';
import { EVER, PREFIX, type QueueTiming, type Run, startWorker, TIMING } from './queue-worker.ts';
import type { Turn } from './turn.ts';
import { createTurns, type TakeTurns } from './turns.ts';

export interface QueueOptions {
  readonly name: string;
  /** Opens a new connection to the queue's Redis. */
  readonly connect: (name: string) => Redis;
  readonly log: Logger;
  readonly timing?: Partial<QueueTiming>;
  /** Whose turn a key takes; absent: first come, first served. */
  readonly turnOf?: (key: string) => Turn;
}

export interface KeyQueue {
  /** Notes that keys have something new. Never rejects; while Redis is away the keys are kept, each once. */
  readonly enqueue: (keys: Iterable<string>) => void;
  /** Resolves when everything noted so far is in Redis. */
  readonly flushed: () => Promise<void>;
  /** Runs a key again and again. The same schedule from several replicas is one. */
  readonly every: (key: string, ms: number) => Promise<void>;
  /** Runs a key once, so long after the last replica that has asked for it. */
  readonly after: (key: string, ms: number) => Promise<void>;
  readonly state: () => Promise<QueueState>;
  /** How many keys wait: as much of the state as may be asked for often. */
  readonly waiting: () => Promise<number>;
  /** Keys that do not get on, at most about `limit` of each kind. */
  readonly letters: (limit: number) => Promise<readonly Letter[]>;
  /** Starts taking keys, at most `concurrency` at once. */
  readonly work: (run: Run, concurrency: number) => void;
  /** Stops taking keys, lets the running ones finish, and closes the connections. */
  readonly close: () => Promise<void>;
}

/** Enough for the keys that run, less than a pod's grace period. */
const CLOSE_WORKER_MS = 8_000;
const CLOSE_QUEUE_MS = 2_000;
const DISCONNECT_MS = 1_000;
const KEPT: JobsOptions = {
  removeOnComplete: true,
  removeOnFail: true,
  // Only a terminal error gives a key up.
  attempts: EVER,
  backoff: { type: 'custom' },
  // Without a limit, a key that fails for ever gathers the stack of every attempt.
  stackTraceLimit: 1,
};

/** Opens a queue. No key is taken before `work`. */
export function createQueue(options: QueueOptions): KeyQueue {
  const timing = { ...TIMING, ...options.timing };
  const { name, log } = options;
  const redis = options.connect(`${name}-queue`);
  const queue = new Queue(name, { connection: redis, prefix: PREFIX });
  queue.on('error', (error) => log.debug({ reason: messageOf(error) }, 'queue connection'));
  const keyOf = (key: string): string => queue.toKey(key);
  const letters = createLetters(redis, keyOf);
  const takeTurns = options.turnOf === undefined ? noTurns : createTurns(redis, keyOf, options.turnOf);
  const send = async (keys: readonly string[]): Promise<void> => {
    const turns = await takeTurns(keys);
    await queue.addBulk(keys.map((key, index) => jobOf(key, turns[index])));
  };
  const producer = createProducer(send, log);
  const closers: (() => Promise<void>)[] = [];
  return {
    enqueue: producer.add,
    flushed: producer.flushed,
    every: async (key, ms) =>
      void (await queue.upsertJobScheduler(`every ${key}`, { every: ms }, { name: key, opts: KEPT })),
    after: async (key, ms) => {
      const deduplication = { id: `after ${key}`, ttl: ms, extend: true, replace: true };
      await queue.add(key, {}, { ...KEPT, delay: ms, deduplication });
    },
    state: () => readQueueState(redis, keyOf),
    waiting: () => readWaiting(redis, keyOf),
    letters: letters.list,
    work: (run, concurrency) => {
      const connection = options.connect(`${name}-worker`);
      const worker = startWorker({ queue, redis, connection, letters, takeTurns, run, concurrency, timing, log });
      closers.push(async () => {
        await closeWithin(CLOSE_WORKER_MS, worker);
        connection.disconnect();
      });
    },
    close: async () => {
      await Promise.all(closers.map((close) => close()));
      await producer.close();
      await closeWithin(CLOSE_QUEUE_MS, queue);
      redis.disconnect();
    },
  };
}

/** Closing asks Redis, which may be away: then the crash's way out is good enough, since another worker takes over. */
async function closeWithin(limitMs: number, closable: Worker | Queue): Promise<void> {
  const closed = closable.close().then(
    () => true,
    () => false,
  );
  if (await Promise.race([closed, sleep(limitMs, false, { ref: false })])) return;
  await Promise.race([closable.disconnect().catch(() => undefined), sleep(DISCONNECT_MS, undefined, { ref: false })]);
}

/** `keepLastIfActive` keeps an event that comes while the key runs, `reschedule` ends a back-off (style, measured facts). */
function jobOf(key: string, priority?: number): { name: string; data: Record<string, never>; opts: JobsOptions } {
  const deduplication = { id: key, keepLastIfActive: true, reschedule: true };
  return { name: key, data: {}, opts: { ...KEPT, deduplication, ...(priority === undefined ? {} : { priority }) } };
}

const noTurns: TakeTurns = async () => [];
