/**
 * What each key's input looked like when it was last reconciled, so that replicas that all enqueue the same event do the work
 * once (control-plane 1.11). Kept in Redis beside the queue, per epoch of the config database: a new database knows nothing.
 */
import { createHash } from 'node:crypto';
import type { Redis } from '../runtime/redis.ts';

export interface Digests {
  /** Whether this input is the one that the key was last reconciled with, in this epoch. */
  readonly isSettled: (key: string, input: unknown) => Promise<boolean>;
  readonly settle: (key: string, input: unknown) => Promise<void>;
  readonly forget: (key: string) => Promise<void>;
}

/** `epoch` yields the config database's epoch as this replica knows it; `undefined` while unknown, when nothing is settled. */
export function createDigests(redis: Redis, epoch: () => string | undefined): Digests {
  const hash = (): string => `{opencontrail}:digests:${epoch() ?? ''}`;
  return {
    isSettled: async (key, input) => epoch() !== undefined && (await redis.hget(hash(), key)) === digestOf(input),
    settle: async (key, input) => {
      if (epoch() !== undefined) await redis.hset(hash(), key, digestOf(input));
    },
    forget: async (key) => void (await redis.hdel(hash(), key)),
  };
}

/** A short digest of a value's JSON. Inputs are built by the same code in every replica, so their key order agrees. */
function digestOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('base64').slice(0, 22);
}
