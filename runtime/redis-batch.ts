/** Many reads in one go. */
import type { Redis } from './redis.ts';

type Read = 'get' | 'hgetall' | 'hmget' | 'hvals' | 'xrange';

/** A read command and its arguments. */
export type ReadCommand = readonly [name: Read, ...args: readonly (string | number)[]];

/**
 * Sends reads together and answers in their order; the first error is thrown. A cluster gets them one by one: while a slot moves,
 * a pipeline follows the redirection of its first key with all the others, and those that have not moved yet would be missing.
 */
export async function readTogether(redis: Redis, commands: readonly ReadCommand[]): Promise<readonly unknown[]> {
  if (redis.isCluster) {
    // Each of these is a method of the connection, of this form.
    const methods = redis as unknown as Record<Read, (...args: readonly (string | number)[]) => Promise<unknown>>;
    return await Promise.all(commands.map(([name, ...args]) => methods[name](...args)));
  }
  const answers = await redis.pipeline(commands.map((command) => [...command])).exec();
  return (answers ?? []).map(([error, value]) => {
    if (error !== null) throw error;
    return value;
  });
}
