/** Notices when a store has been replaced under the workers: the config database (its epoch) or the queue's Redis (a mark in it). */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ContrailClient } from '../contrail/client.ts';
import { messageOf } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import type { Redis } from '../runtime/redis.ts';
import { type DatabaseStatus, readStatus } from './status.ts';

export interface Heartbeat {
  /** The config database as last seen; `undefined` before the first answer. */
  readonly database: () => DatabaseStatus | undefined;
  /** Why the workers are not ready, or `undefined`. */
  readonly unready: () => string | undefined;
}

export interface HeartbeatOptions {
  readonly contrail: ContrailClient;
  readonly redis: Redis;
  readonly intervalMs: number;
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** The config database is another one, or has to be rebuilt: called at every beat while it is rebuilding. */
  readonly onDatabase: (status: DatabaseStatus, isNew: boolean) => void;
  /** The queue is another one than before: nothing that was enqueued is in it. */
  readonly onQueueLost: () => void;
}

/** Where the queue's mark stands; a Redis without it has been emptied. */
const QUEUE_MARK = '{opencontrail}:queue-mark';

/** Starts beating; runs until `signal` aborts. */
export function startHeartbeat(options: HeartbeatOptions): Heartbeat {
  const state: { database?: DatabaseStatus; mark?: string; problem?: string } = {
    problem: 'the config API has not answered yet',
  };
  const beat = async (): Promise<void> => {
    const mark = await readMark(options.redis);
    if (state.mark !== undefined && state.mark !== mark) options.onQueueLost();
    state.mark = mark;
    const database = await readStatus(options.contrail);
    const isNew = state.database?.epoch !== database.epoch;
    state.database = database;
    if (isNew || database.state === 'rebuilding') options.onDatabase(database, isNew);
  };
  void (async () => {
    while (!options.signal.aborted) {
      try {
        await beat();
        delete state.problem;
      } catch (error) {
        const reason = messageOf(error);
        // It is said once, however often it is tried.
        if (reason !== state.problem) options.log.warn({ reason }, 'a store does not answer');
        state.problem = reason;
      }
      await sleep(options.intervalMs, undefined, { signal: options.signal }).catch(() => undefined);
    }
  })();
  return { database: () => state.database, unready: () => state.problem };
}

async function readMark(redis: Redis): Promise<string> {
  const fresh = randomUUID();
  await redis.set(QUEUE_MARK, fresh, 'NX');
  return (await redis.get(QUEUE_MARK)) ?? fresh;
}
