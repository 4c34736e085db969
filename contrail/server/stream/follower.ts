/** Keeps the cache at the head of the log: reads changes, takes them in as batches, and starts over where it cannot. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../../../runtime/log.ts';
import type { Redis } from '../../../runtime/redis.ts';
import type { ServerDeps } from '../context.ts';
import type { DatabaseState } from '../store/store.ts';
import { type CacheChange, ConfigCache } from './cache.ts';

export interface FollowerDeps extends ServerDeps {
  /** A connection of its own: it waits on it. */
  readonly redis: Redis;
  readonly log: Logger;
  /** A batch that the cache has taken in, in the state of this revision. */
  readonly onChanges: (changes: readonly CacheChange[], state: DatabaseState) => void;
  /** The cache was loaded anew: nothing that was said before holds. */
  readonly onReload: (state: DatabaseState) => void;
  /** The state became another; told also after every wait, as a sign of life. */
  readonly onState: (state: DatabaseState) => void;
}

export interface Follower {
  readonly cache: ConfigCache;
  readonly state: () => DatabaseState | undefined;
  /** Runs until the signal aborts. */
  readonly run: (signal: AbortSignal) => Promise<void>;
}

const BATCH = 1_000;
/** A lost database (a missing epoch) is noticed within this time. */
const WAIT_MS = 500;

/** A follower that has read nothing yet. */
export function createFollower(deps: FollowerDeps): Follower {
  const cache = new ConfigCache();
  let current: DatabaseState | undefined;
  let server = '';
  let mayBeAnother = true;
  deps.redis.on('ready', () => {
    mayBeAnother = true;
  });

  /** Another Redis process may have lost the last writes, and give their revisions away a second time. */
  const isAnother = async (): Promise<boolean> => {
    mayBeAnother = false;
    const before = server;
    server = /run_id:(\w+)/.exec(await deps.redis.info('server'))?.[1] ?? '';
    return before !== '' && before !== server;
  };

  const reload = async (state: DatabaseState): Promise<void> => {
    cache.clear();
    for (const object of await deps.store.readAll(await deps.store.allUuids())) cache.put(object);
    // What changed meanwhile stands in the log after this revision, and is read again.
    current = state;
    deps.onReload(state);
    deps.log.info({ epoch: state.epoch, revision: state.revision, objects: cache.size }, 'configuration loaded');
  };

  const take = async (state: DatabaseState, from: number): Promise<number | undefined> => {
    const entries = await deps.store.changesAfter(from, BATCH);
    if (entries === undefined) return undefined;
    if (entries.length === 0) return from;
    const uuids = [...new Set(entries.map(({ uuid }) => uuid))];
    const found = new Map((await deps.store.readAll(uuids)).map((object) => [object.uuid, object]));
    const changes = uuids.map((uuid) => {
      const object = found.get(uuid);
      return object === undefined ? cache.delete(uuid) : cache.put(object);
    });
    const revision = entries.at(-1)?.revision ?? from;
    deps.onChanges(changes, { ...state, revision });
    return revision;
  };

  const step = async (): Promise<void> => {
    const state = await deps.store.state();
    if (state.epoch === undefined) {
      await deps.ensureDatabase();
      return;
    }
    // A revision that went back means a database that lost its tail.
    const isLost = mayBeAnother && (await isAnother());
    if (isLost || current?.epoch !== state.epoch || state.revision < current.revision) {
      await reload(state);
      return;
    }
    const revision = await take(state, current.revision);
    if (revision === undefined) {
      await reload(state);
      return;
    }
    current = { ...state, revision };
    deps.onState(current);
    if (revision >= state.revision) await deps.store.waitForChange(deps.redis, revision, WAIT_MS);
  };

  return {
    cache,
    state: () => current,
    run: async (signal) => {
      while (!signal.aborted) {
        try {
          await step();
        } catch (error) {
          if (signal.aborted) return;
          deps.log.warn({ error }, 'cannot follow the change log');
          await sleep(500);
        }
      }
    },
  };
}
