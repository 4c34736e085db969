/**
 * The queue: a job is a key, any replica may run it, and one key never runs twice at once. The only file that knows BullMQ.
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
import { type Job, type JobsOptions, Queue, UnrecoverableError, Worker } from 'bullmq';
import { messageOf, TerminalError } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import type { Redis } from '../runtime/redis.ts';
import { backoffMs, waitMs } from './backoff.ts';
import { createProducer } from './producer.ts';

/** What a run came to. "Not yet" is no failure: it is tried again after that time, or as soon as the key has an event. */
export type Outcome = { readonly kind: 'done' } | { readonly kind: 'notYet'; readonly retryAfterMs: number };

export interface QueueOptions {
  readonly name: string;
  /** Opens a new connection to the queue's Redis. */
  readonly connect: (name: string) => Redis;
  readonly log: Logger;
  readonly timing?: Partial<QueueTiming>;
}

/** How soon a crashed worker's keys are given to others, and how a failing key is slowed down. All in milliseconds. */
export interface QueueTiming {
  readonly lockMs: number;
  readonly stalledCheckMs: number;
  readonly longestBackoffMs: number;
}

export interface QueueState {
  readonly waiting: number;
  readonly active: number;
  readonly delayed: number;
  /** Age of the job that has waited longest, in seconds; 0 when none waits. */
  readonly oldestSeconds: number;
}

/** Runs a key. Throws `TerminalError` for what only a user can mend and anything else for what a retry may mend. */
export type Run = (key: string, signal: AbortSignal) => Promise<Outcome>;

export interface KeyQueue {
  /** Notes that keys have something new. Never rejects; while Redis is away the keys are kept, each once. */
  readonly enqueue: (keys: Iterable<string>) => void;
  /** Resolves when everything noted so far is in Redis. */
  readonly flushed: () => Promise<void>;
  /** Runs a key again and again. The same schedule from several replicas is one. */
  readonly every: (key: string, ms: number) => Promise<void>;
  readonly state: () => Promise<QueueState>;
  /** Starts taking keys, at most `concurrency` at once. */
  readonly work: (run: Run, concurrency: number) => void;
  /** Stops taking keys, lets the running ones finish, and closes the connections. */
  readonly close: () => Promise<void>;
}

/** Keys of one hash slot, so that a Redis Cluster takes them too (control-plane 1.14). */
const PREFIX = '{opencontrail}';
const TIMING: QueueTiming = { lockMs: 5_000, stalledCheckMs: 2_500, longestBackoffMs: 30_000 };
/** As good as for ever: a key is given up only by a terminal error, and lives through any number of crashes. */
const EVER = 1e9;
/** Enough for the keys that run, less than a pod's grace period. */
const CLOSE_WORKER_MS = 8_000;
const CLOSE_QUEUE_MS = 2_000;
const DISCONNECT_MS = 1_000;
const KEPT: JobsOptions = { removeOnComplete: true, removeOnFail: true, attempts: EVER, backoff: { type: 'custom' } };

/** Opens a queue. No key is taken before `work`. */
export function createQueue(options: QueueOptions): KeyQueue {
  const timing = { ...TIMING, ...options.timing };
  const { name, log } = options;
  const redis = options.connect(`${name}-queue`);
  const queue = new Queue(name, { connection: redis, prefix: PREFIX });
  queue.on('error', (error) => log.debug({ reason: messageOf(error) }, 'queue connection'));
  const producer = createProducer(async (keys) => void (await queue.addBulk(keys.map(jobOf))), log);
  const closers: (() => Promise<void>)[] = [];
  return {
    enqueue: producer.add,
    flushed: producer.flushed,
    every: async (key, ms) =>
      void (await queue.upsertJobScheduler(`every ${key}`, { every: ms }, { name: key, opts: KEPT })),
    state: () => stateOf(queue),
    work: (run, concurrency) => {
      const connection = options.connect(`${name}-worker`);
      const worker = startWorker({ queue, redis, connection, run, concurrency, timing, log });
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
function jobOf(key: string): { name: string; data: Record<string, never>; opts: JobsOptions } {
  return {
    name: key,
    data: {},
    opts: { ...KEPT, deduplication: { id: key, keepLastIfActive: true, reschedule: true } },
  };
}

async function stateOf(queue: Queue): Promise<QueueState> {
  const counts = await queue.getJobCounts('waiting', 'active', 'delayed');
  const [oldest] = await queue.getJobs(['waiting'], 0, 0, true);
  return {
    waiting: counts['waiting'] ?? 0,
    active: counts['active'] ?? 0,
    delayed: counts['delayed'] ?? 0,
    oldestSeconds: oldest === undefined ? 0 : Math.max(0, (Date.now() - oldest.timestamp) / 1000),
  };
}

/** "Not yet" on its way through BullMQ, which knows only errors. */
class NotYet extends Error {
  readonly retryAfterMs: number;

  constructor(retryAfterMs: number) {
    super('not yet');
    this.retryAfterMs = retryAfterMs;
  }
}

interface WorkerDeps {
  readonly queue: Queue;
  readonly redis: Redis;
  readonly connection: Redis;
  readonly run: Run;
  readonly concurrency: number;
  readonly timing: QueueTiming;
  readonly log: Logger;
}

function startWorker({ queue, redis, connection, run, concurrency, timing, log }: WorkerDeps): Worker {
  const hasNewEvent = async (job: Job | undefined): Promise<boolean> =>
    job?.deduplicationId !== undefined && (await redis.exists(queue.toKey(`dn:${job.deduplicationId}`))) === 1;
  const worker = new Worker(
    queue.name,
    async (job, _token, signal) => {
      const outcome = await runAsJob(job.name, run, signal ?? new AbortController().signal);
      if (outcome.kind === 'notYet') throw new NotYet(outcome.retryAfterMs);
    },
    {
      connection,
      prefix: PREFIX,
      concurrency,
      lockDuration: timing.lockMs,
      stalledInterval: timing.stalledCheckMs,
      // The default of 1 loses a key whose worker crashes twice (control-plane 1.5).
      maxStalledCount: EVER,
      settings: {
        // -1 ends the job, which lets the noted event run at once instead of after the back-off (control-plane 1.4).
        backoffStrategy: async (attempts, _type, error, job) => {
          if (await hasNewEvent(job as Job | undefined)) return -1;
          return error instanceof NotYet
            ? waitMs(attempts, error.retryAfterMs)
            : backoffMs(attempts, timing.longestBackoffMs);
        },
      },
    },
  );
  // An event that slips in between the strategy's question and the move to the delayed set.
  worker.on('failed', (job) => void promoteWhenNew(job, hasNewEvent));
  // A lock that is lost means that another worker may run the key: this run must stop writing (control-plane 1.7).
  worker.on('lockRenewalFailed', (ids) => {
    for (const id of ids) worker.cancelJob(id, 'the lock of this job is lost');
  });
  worker.on('error', (error) => log.debug({ reason: messageOf(error) }, 'worker connection'));
  return worker;
}

async function runAsJob(key: string, run: Run, signal: AbortSignal): Promise<Outcome> {
  try {
    return await run(key, signal);
  } catch (error) {
    if (error instanceof TerminalError) throw new UnrecoverableError(error.message);
    throw error instanceof Error ? error : new Error(String(error));
  }
}

async function promoteWhenNew(job: Job | undefined, isNew: (job: Job | undefined) => Promise<boolean>): Promise<void> {
  try {
    if (await isNew(job)) await job?.promote();
  } catch {
    // The job has left the delayed set meanwhile: it runs, or has run, which is what was wanted.
  }
}
