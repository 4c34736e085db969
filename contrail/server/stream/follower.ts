/** Keeps the cache at the head of the log: reads changes, takes them in as batches, and starts over where it cannot. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../../../runtime/log.ts';
import type { Redis } from '../../../runtime/redis.ts';
import { onAnotherServer, serverOf } from '../../../runtime/redis-server.ts';
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

const BATCH = 1_000;
/** A lost database (a missing epoch) is noticed within this time. */
const WAIT_MS = 500;

/** Reads nothing before it runs. */
export class Follower {
  readonly cache = new ConfigCache();
  readonly #deps: FollowerDeps;
  #current: DatabaseState | undefined;
  #serverId = '';
  #mayBeAnother = true;

  constructor(deps: FollowerDeps) {
    this.#deps = deps;
    onAnotherServer(deps.redis, deps.store.epochKey, () => {
      this.#mayBeAnother = true;
    });
  }

  /** What the cache holds; `undefined` before it has been loaded. */
  get state(): DatabaseState | undefined {
    return this.#current;
  }

  /** Runs until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#step();
      } catch (error) {
        if (signal.aborted) return;
        this.#deps.log.warn({ error }, 'cannot follow the change log');
        await sleep(500);
      }
    }
  }

  async #step(): Promise<void> {
    const { store, redis, database, onState } = this.#deps;
    const state = await database.state();
    const isLost = this.#mayBeAnother && (await this.#isAnotherServer());
    const revision = isLost || this.#isBehind(state) ? undefined : await this.#take(state);
    if (revision === undefined) {
      await this.#reload(state);
      return;
    }
    this.#current = { ...state, revision };
    onState(this.#current);
    if (revision >= state.revision) await store.waitForChange(redis, revision, WAIT_MS);
  }

  /** Whether the database is another one, or has lost its tail. */
  #isBehind(state: DatabaseState): boolean {
    const { epoch, revision } = this.#current ?? { epoch: undefined, revision: 0 };
    return epoch !== state.epoch || state.revision < revision;
  }

  /** Another Redis process may have lost the last writes, and give their revisions away a second time. */
  async #isAnotherServer(): Promise<boolean> {
    this.#mayBeAnother = false;
    const before = this.#serverId;
    this.#serverId = await serverOf(this.#deps.redis, this.#deps.store.epochKey);
    return before !== '' && before !== this.#serverId;
  }

  async #reload(state: DatabaseState): Promise<void> {
    const { store, onReload, log } = this.#deps;
    this.cache.clear();
    for (const object of await store.readAll(await store.allUuids())) this.cache.put(object);
    // What changed meanwhile stands in the log after this revision, and is read again.
    this.#current = state;
    onReload(state);
    log.info({ epoch: state.epoch, revision: state.revision, objects: this.cache.size }, 'configuration loaded');
  }

  /** Takes in what the log holds next; `undefined` where it no longer reaches back. */
  async #take(state: DatabaseState): Promise<number | undefined> {
    const { store, onChanges } = this.#deps;
    const from = this.#current?.revision ?? 0;
    const entries = await store.changesAfter(from, BATCH);
    if (entries === undefined || entries.length === 0) return entries === undefined ? undefined : from;
    const uuids = [...new Set(entries.map(({ uuid }) => uuid))];
    const found = new Map((await store.readAll(uuids)).map((object) => [object.uuid, object]));
    const changes = uuids.map((uuid) => {
      const object = found.get(uuid);
      return object === undefined ? this.cache.delete(uuid) : this.cache.put(object);
    });
    const revision = entries.at(-1)?.revision ?? from;
    onChanges(changes, { ...state, revision });
    return revision;
  }
}
