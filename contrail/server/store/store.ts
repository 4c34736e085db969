/** The config database in Redis: reads straight from it, and writes through one script. Nothing is cached here. */
import type { FqName } from '../../objects.ts';
import type { Schema } from '../../schema.ts';
import type { Redis } from '../../../runtime/redis.ts';
import { type ReadCommand, readTogether } from '../../../runtime/redis-batch.ts';
import { parseObject, type StoredObject } from './objects.ts';
import type { CommitResult, Plan, StoredLink } from './plan.ts';
import { COMMIT_SCRIPT } from './script.ts';

/** An entry of a parent's children or a target's referrers. */
export interface Related extends StoredLink {
  readonly uuid: string;
}

export interface Child {
  readonly uuid: string;
  /** When it was created, UTC. */
  readonly at: string;
  readonly type: string;
  readonly to: FqName;
  /** Whether it is in no list. */
  readonly hidden?: true;
}

/** The state of the database as a whole. `undefined` epoch: a new or a lost one. */
export interface DatabaseState {
  readonly epoch: string | undefined;
  readonly state: 'rebuilding' | 'ready';
  readonly revision: number;
}

/** One change, as the log holds it. */
interface LogEntry {
  readonly revision: number;
  readonly uuid: string;
  readonly type: string;
  readonly what: 'put' | 'delete';
}

export type Store = ReturnType<typeof createStore>;

interface StoreOptions {
  readonly redis: Redis;
  readonly schema: Schema;
  /** Begins every key; holds a hash tag, so that a cluster keeps all keys on one shard. */
  readonly prefix: string;
  /** About how many changes the log keeps for watchers that come back. */
  readonly logLength: number;
}

/** Commands sent in one go: bounds the memory of a long list. */
const PIPELINE = 500;

/** A store over one connection. */
export function createStore({ redis, schema, prefix, logLength }: StoreOptions) {
  const key: Key = (name) => `${prefix}:config:${name}`;
  redis.defineCommand('contrailCommit', { numberOfKeys: 2, lua: COMMIT_SCRIPT });
  return {
    /** A key that is there for as long as the database is. */
    epochKey: key('epoch'),
    commit: async (plan: Plan): Promise<CommitResult> => {
      // Defined above; ioredis adds it to the connection without its type.
      const run = (redis as unknown as { contrailCommit: (...args: (string | number)[]) => Promise<string> })
        .contrailCommit;
      return JSON.parse(await run.call(redis, key(''), key('epoch'), JSON.stringify(plan), logLength)) as CommitResult;
    },
    ...objectReads(redis, key, schema),
    ...relationReads(redis, key),
    ...databaseState(redis, key, schema),
    unitsInUse: async (subnetKey: string, sparse: boolean): Promise<number> =>
      sparse ? redis.scard(key(`ip:${subnetKey}:used`)) : redis.bitcount(key(`ip:${subnetKey}`)),
    /** Free-form key/value pairs of `/useragent-kv`. */
    kv: {
      set: async (name: string, value: string): Promise<void> => void (await redis.hset(key('kv'), name, value)),
      get: async (names: readonly string[]): Promise<(string | null)[]> => redis.hmget(key('kv'), ...names),
      all: async (): Promise<Record<string, string>> => redis.hgetall(key('kv')),
      delete: async (name: string): Promise<void> => void (await redis.hdel(key('kv'), name)),
    },
  };
}

type Key = (name: string) => string;

function objectReads(redis: Redis, key: Key, schema: Schema) {
  const resource = (type: string) => schema.resource(type);
  return {
    read: async (uuid: string): Promise<StoredObject | undefined> =>
      parseObject(await redis.hgetall(key(`o:${uuid}`)), resource),
    /** Objects in the order asked for; those that are not there are left out. */
    readAll: async (uuids: readonly string[]): Promise<StoredObject[]> =>
      (
        await hashes(
          redis,
          uuids.map((uuid) => key(`o:${uuid}`)),
        )
      ).flatMap((hash) => parseObject(hash, resource) ?? []),
    /** The raw hash, for collections whose positions matter. */
    readHash: async (uuid: string): Promise<Record<string, string>> => redis.hgetall(key(`o:${uuid}`)),
    uuidOf: async (type: string, fqName: FqName): Promise<string | undefined> =>
      (await redis.hget(key(`fq:${type}`), fqName.join(':'))) ?? undefined,
    /** Several names of one type at once, in order. */
    uuidsOf: async (type: string, names: readonly string[]): Promise<(string | null)[]> =>
      names.length === 0 ? [] : redis.hmget(key(`fq:${type}`), ...names),
    /** All names of a type: colon form → UUID. */
    names: async (type: string): Promise<Record<string, string>> => redis.hgetall(key(`fq:${type}`)),
  };
}

function relationReads(redis: Redis, key: Key) {
  const childrenOf = async (uuids: readonly string[]): Promise<Child[][]> =>
    (
      await hashes(
        redis,
        uuids.map((uuid) => key(`c:${uuid}`)),
      )
    ).map(childrenIn);
  const referrersOf = async (uuids: readonly string[]): Promise<Related[][]> =>
    (
      await hashes(
        redis,
        uuids.map((uuid) => key(`b:${uuid}`)),
      )
    ).map((hash) => entriesOf<StoredLink>(hash));
  return {
    /** Oldest first. */
    children: async (uuid: string): Promise<Child[]> => (await childrenOf([uuid]))[0] ?? [],
    referrers: async (uuid: string): Promise<Related[]> => (await referrersOf([uuid]))[0] ?? [],
    childrenOf,
    referrersOf,
    relax: async (target: string, referrer: string): Promise<void> =>
      void (await redis.hset(key(`x:${target}`), referrer, '1')),
    relaxed: async (target: string): Promise<readonly string[]> => redis.hkeys(key(`x:${target}`)),
  };
}

function databaseState(redis: Redis, key: Key, schema: Schema) {
  return {
    state: async (): Promise<DatabaseState> => {
      const answers = await readTogether(redis, [
        ['hmget', key('epoch'), 'id', 'state'],
        ['get', key('rev')],
      ]);
      // The two commands answer in this form.
      const [[epoch, state], revision] = answers as [[string | null, string | null], string | null];
      return {
        epoch: epoch ?? undefined,
        state: state === 'ready' ? 'ready' : 'rebuilding',
        revision: Number(revision ?? 0),
      };
    },
    /** Marks this epoch's rebuild as finished; false where the epoch is another. */
    markReady: async (epoch: string): Promise<boolean> =>
      (await redis.eval(READY_SCRIPT, 1, key('epoch'), epoch)) === 1,
    /** Removes the database of this epoch, whole and at once; nothing where the epoch is another. */
    reset: async (epoch: string): Promise<void> =>
      void (await redis.eval(RESET_SCRIPT, 2, key(''), key('epoch'), epoch)),
    /** The changes after `revision`, oldest first; `undefined` where the log no longer reaches back so far. */
    changesAfter: async (revision: number, count: number): Promise<readonly LogEntry[] | undefined> => {
      const log = key('log');
      const answers = await readTogether(redis, [
        ['xrange', log, '-', '+', 'COUNT', 1],
        ['xrange', log, `(${revision}-0`, '+', 'COUNT', count],
      ]);
      const [first, entries] = answers as [StreamEntry[], StreamEntry[]];
      const oldest = first[0] === undefined ? undefined : logEntry(first[0]).revision;
      return oldest !== undefined && oldest > revision + 1 ? undefined : entries.map(logEntry);
    },
    allUuids: async (): Promise<string[]> => {
      const answers = await readTogether(
        redis,
        schema.types.map((type) => ['hvals', key(`fq:${type}`)]),
      );
      return (answers as string[][]).flat();
    },
    /** Waits on its own connection until the log grows past `revision`, or for `blockMs`. */
    waitForChange: async (connection: Redis, revision: number, blockMs: number): Promise<void> =>
      void (await connection.xread('COUNT', 1, 'BLOCK', blockMs, 'STREAMS', key('log'), `${revision}-0`)),
  };
}

const RESET_SCRIPT = `
if redis.call('HGET', KEYS[1] .. 'epoch', 'id') ~= ARGV[1] then return 0 end
for _, key in ipairs(redis.call('KEYS', KEYS[1] .. '*')) do redis.call('UNLINK', key) end
return 1`;

const READY_SCRIPT = `
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'state', 'ready')
return 1`;

async function hashes(redis: Redis, keys: readonly string[]): Promise<Record<string, string>[]> {
  const found: Record<string, string>[] = [];
  for (let start = 0; start < keys.length; start += PIPELINE) {
    const batch = keys.slice(start, start + PIPELINE).map((key): ReadCommand => ['hgetall', key]);
    found.push(...((await readTogether(redis, batch)) as Record<string, string>[]));
  }
  return found;
}

type StreamEntry = [id: string, fields: string[]];

function logEntry([id, fields]: StreamEntry): LogEntry {
  const [, uuid = '', , type = '', , what = ''] = fields;
  return { revision: Number(id.split('-')[0]), uuid, type, what: what === 'delete' ? 'delete' : 'put' };
}

function entriesOf<T>(hash: Record<string, string>): (T & { uuid: string })[] {
  return Object.entries(hash).map(([uuid, text]) => ({ ...(JSON.parse(text) as T), uuid }));
}

function childrenIn(hash: Record<string, string>): Child[] {
  return entriesOf<Omit<Child, 'uuid'>>(hash).sort((a, b) => (a.at < b.at ? -1 : 1));
}
