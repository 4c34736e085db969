/** Dead letters: keys that nothing moves for now. Those that only their object's user can mend, and those that fail again and again. */
import type { TerminalError } from '../runtime/errors.ts';
import type { Redis } from '../runtime/redis.ts';

/** A key that does not get on, and why. Times are milliseconds since 1970. */
export interface Letter {
  readonly key: string;
  /** `refused` waits for its object to change; `retrying` comes back by itself. */
  readonly state: 'refused' | 'retrying';
  readonly attempts: number;
  readonly reason: string;
  readonly since: number;
  readonly nextAt?: number;
}

export interface Letters {
  readonly refuse: (key: string, error: TerminalError) => Promise<void>;
  /** The key has had another outcome since. Does not wait for Redis, since every run ends with it and hardly a key was refused. */
  readonly clear: (key: string) => void;
  /** At most about `limit` of each state, those first that have waited longest. */
  readonly list: (limit: number) => Promise<readonly Letter[]>;
}

/** Refused keys are kept in a hash beside the queue; the retrying ones are its delayed jobs. `keyOf` makes the queue's Redis keys. */
export function createLetters(redis: Redis, keyOf: (name: string) => string): Letters {
  const refused = keyOf('refused');
  return {
    refuse: async (key, { reason, message }) => {
      const before = parseLetter(await redis.hget(refused, key));
      const text = `${reason}: ${message}`;
      const since = before?.reason === text ? before.since : Date.now();
      const letter: Letter = { key, state: 'refused', attempts: (before?.attempts ?? 0) + 1, reason: text, since };
      await redis.hset(refused, key, JSON.stringify(letter));
    },
    // Sent before the job's end is, so it is there first. Lost with a connection, the letter goes after the key's next run.
    clear: (key) => void redis.hdel(refused, key).catch(() => undefined),
    list: async (limit) => {
      const [, pairs] = await redis.hscan(refused, 0, 'COUNT', limit);
      const letters = pairs.flatMap((text, index) => (index % 2 === 0 ? [] : (parseLetter(text) ?? [])));
      return [...letters, ...(await retrying(redis, keyOf, limit))].sort((a, b) => a.since - b.since);
    },
  };
}

function parseLetter(text: string | null): Letter | undefined {
  // Written by `refuse` alone.
  return text === null ? undefined : (JSON.parse(text) as Letter);
}

/** Delayed jobs that have failed; BullMQ's scores are the time of the next try in units of 1/4096 ms. */
async function retrying(redis: Redis, keyOf: (name: string) => string, limit: number): Promise<Letter[]> {
  const scored = await redis.zrange(keyOf('delayed'), 0, `${limit - 1}`, 'WITHSCORES');
  const found = scored.flatMap((id, index) =>
    index % 2 === 0 ? [{ id, nextAt: Math.floor(Number(scored[index + 1]) / 4096) }] : [],
  );
  const letters = await Promise.all(
    found.map(async ({ id, nextAt }): Promise<readonly Letter[]> => {
      const [key, attempts, reason, since] = await redis.hmget(keyOf(id), 'name', 'atm', 'failedReason', 'timestamp');
      // Its run may have begun meanwhile, or it was never run.
      if (!key || !reason) return [];
      return [{ key, state: 'retrying', attempts: Number(attempts), reason, since: Number(since), nextAt }];
    }),
  );
  return letters.flat();
}
