/** Which server answers for a key, and when another one does: it may lack what the last one was told (a failover). */
import type { Redis } from './redis.ts';

/** The run ID of the process that holds a key. Another ID is another process, which may have another past. */
export async function serverOf(redis: Redis, key: string): Promise<string> {
  // By a script, so that a cluster asks the server that holds the key.
  const info = String(await redis.eval("return redis.call('INFO', 'server')", 1, key));
  return /run_id:(\w+)/.exec(info)?.[1] ?? '';
}

/**
 * Calls back whenever another server may be behind a connection: after every reconnection, and in a cluster, which stays
 * connected when a replica takes over, when the key's server has another run ID at a look at its slots.
 */
export function onAnotherServer(redis: Redis, key: string, changed: () => void): void {
  redis.on('ready', changed);
  if (!redis.isCluster) return;
  let known: string | undefined;
  const look = async (): Promise<void> => {
    const now = await serverOf(redis, key);
    const isAnother = known !== undefined && known !== now;
    known = now;
    if (isAnother) changed();
  };
  // Where it fails, the next refresh looks again.
  redis.on('refresh', () => void look().catch(() => undefined));
}
