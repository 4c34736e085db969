/**
 * The UIDs under which objects of a Service's or an Ingress' name may stand in the config API: its own, and those of predecessors, whose
 * end nobody saw. A UID is noted before anything is made under it, so a namespace's objects are listed once, and not for each that comes.
 * Kept in Redis beside the queue, per epoch of the config database.
 */
import type { Redis } from '../runtime/redis.ts';
import type { Key } from './keys.ts';
import { keyText } from './keys.ts';

/** The kinds whose objects in the config API are named by UID. */
const KINDS = ['Service', 'Ingress'] as const;

export interface KnownUids {
  /**
   * The UIDs of a key, `own` among them from now on. `list` answers those that stand in its namespace for all of its kind, by key; it is
   * asked where nobody has listed them, or somebody has doubted what was noted.
   */
  readonly of: (
    key: Key,
    own: string | undefined,
    list: () => Promise<ReadonlyMap<string, readonly string[]>>,
  ) => Promise<readonly string[]>;
  /** Under no other UID than this one there is anything of the key's, or under none at all. */
  readonly settle: (key: Key, own: string | undefined) => Promise<void>;
  /** Has namespaces listed again. */
  readonly doubt: (namespaces: readonly string[]) => Promise<void>;
}

/** `epoch` yields the config database's epoch as this replica knows it; `undefined` while unknown, when everything is listed. */
export function createKnownUids(redis: Redis, epoch: () => string | undefined): KnownUids {
  const listed = (): string => `{opencontrail}:listed:${epoch() ?? ''}`;
  const of = (text: string): string => `{opencontrail}:uids:${epoch() ?? ''}:${text}`;
  return {
    async of(key, own, list) {
      const text = keyText(key);
      if (epoch() === undefined)
        return [...new Set([...(own === undefined ? [] : [own]), ...((await list()).get(text) ?? [])])];
      if (own !== undefined) await redis.sadd(of(text), own);
      if ((await redis.sismember(listed(), placeOf(key.kind, key.namespace))) === 0) {
        for (const [each, uids] of await list()) await redis.sadd(of(each), ...uids);
        await redis.sadd(listed(), placeOf(key.kind, key.namespace));
      }
      return await redis.smembers(of(text));
    },
    async settle(key, own) {
      const name = of(keyText(key));
      if (epoch() === undefined) return;
      const gone = (await redis.smembers(name)).filter((uid) => uid !== own);
      if (gone.length > 0) await redis.srem(name, ...gone);
    },
    doubt: async (namespaces) => {
      const places = namespaces.flatMap((namespace) => KINDS.map((kind) => placeOf(kind, namespace)));
      if (places.length > 0) await redis.srem(listed(), ...places);
    },
  };
}

/** What is listed at once. */
function placeOf(kind: Key['kind'], namespace: string): string {
  return `${kind}/${namespace}`;
}
