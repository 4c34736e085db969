/** The loss of everything that Redis holds: queue and config database. */
import type { ContrailClient } from '../../contrail/client.ts';
import { createRedis } from '../../runtime/redis.ts';
import { readStatus } from '../../workers/status.ts';
import { eventually } from './programs.ts';

/** Loses all of it at once, and waits until another database has been rebuilt. */
export async function loseRedis(url: string, contrail: ContrailClient): Promise<void> {
  const before = (await readStatus(contrail)).epoch;
  const client = createRedis(url);
  await client.flushall();
  client.disconnect();
  await eventually(async () => {
    const now = await readStatus(contrail);
    return now.epoch !== before && now.state === 'ready';
  });
}
