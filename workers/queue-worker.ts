/** The queue's other end: takes keys, runs them, and turns what came of it into what BullMQ understands. */
import { type Job, type Queue, UnrecoverableError, Worker } from 'bullmq';
import { messageOf, TerminalError } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import type { Redis } from '../runtime/redis.ts';
import { backoffMs, waitMs } from './backoff.ts';
import type { Letters } from './letters.ts';
import type { TakeTurns } from './turns.ts';

/** What a run came to. "Not yet" is no failure: it is tried again after that time, or as soon as the key has an event. */
export type Outcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'notYet'; readonly retryAfterMs: number; readonly missing: string };

/** How soon a crashed worker's keys are given to others, and how a failing key is slowed down. All in milliseconds. */
export interface QueueTiming {
  readonly lockMs: number;
  readonly stalledCheckMs: number;
  readonly longestBackoffMs: number;
}

/** Runs a key. Throws `TerminalError` for what only a user can mend and anything else for what a retry may mend. */
export type Run = (key: string, signal: AbortSignal) => Promise<Outcome>;

/** Keys of one hash slot, so that a Redis Cluster takes them too (control-plane 1.14). */
export const PREFIX = '{opencontrail}';
export const TIMING: QueueTiming = { lockMs: 5_000, stalledCheckMs: 2_500, longestBackoffMs: 30_000 };
/** As good as for ever: a key lives through any number of crashes. */
export const EVER = 1e9;

/** "Not yet" on its way through BullMQ, which knows only errors. */
class NotYet extends Error {
  readonly retryAfterMs: number;

  constructor(retryAfterMs: number, missing: string) {
    super(`waiting for ${missing}`);
    this.retryAfterMs = retryAfterMs;
  }
}

interface WorkerDeps {
  readonly queue: Queue;
  readonly redis: Redis;
  readonly connection: Redis;
  readonly letters: Letters;
  readonly takeTurns: TakeTurns;
  readonly run: Run;
  readonly concurrency: number;
  readonly timing: QueueTiming;
  readonly log: Logger;
}

/** Starts taking keys of a queue; closed by the caller. */
export function startWorker({ queue, connection, concurrency, timing, log, ...deps }: WorkerDeps): Worker {
  const { redis, letters, takeTurns, run } = deps;
  const hasNewEvent = async (job: Job | undefined): Promise<boolean> =>
    job?.deduplicationId !== undefined && (await redis.exists(queue.toKey(`dn:${job.deduplicationId}`))) === 1;
  const worker = new Worker(
    queue.name,
    async (job, _token, signal) => {
      await runAsJob(job.name, { run, letters, signal: signal ?? new AbortController().signal });
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
          // It comes back at a turn of its own, not at the one that it has had.
          if (job !== undefined) await takeTurns([job.name]);
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

interface RunDeps {
  readonly run: Run;
  readonly letters: Letters;
  readonly signal: AbortSignal;
}

async function runAsJob(key: string, { run, letters, signal }: RunDeps): Promise<void> {
  try {
    const outcome = await run(key, signal);
    if (outcome.kind === 'notYet') throw new NotYet(outcome.retryAfterMs, outcome.missing);
    letters.clear(key);
  } catch (error) {
    if (error instanceof TerminalError) {
      await letters.refuse(key, error);
      throw new UnrecoverableError(error.message);
    }
    letters.clear(key);
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
