/** A config API with a Redis of its own, as a program beside the benchmark, and many requests at a time to it. */
import { type ContrailClient, createContrailClient } from '../contrail/client.ts';
import { startRedis } from '../test/redis.ts';
import { eventually, freePort, startProgram } from '../test/workers/programs.ts';

export interface ConfigApi {
  readonly url: string;
  readonly redis: string;
  readonly contrail: ContrailClient;
  readonly stop: () => Promise<void>;
}

/** Starts both; ready to allocate. */
export async function startConfigApi(): Promise<ConfigApi> {
  const redis = await startRedis();
  const address = `127.0.0.1:${await freePort()}`;
  const server = startProgram('contrail/server/main.ts', { listen: address, redis: redis.url, 'log-level': 'warn' });
  const url = `http://${address}`;
  const contrail = createContrailClient({ endpoints: async () => [url] });
  await eventually(() => contrail.raw('GET', '/'));
  return {
    url,
    redis: redis.url,
    contrail,
    stop: async () => {
      contrail.close();
      await server.kill();
      await redis.stop();
    },
  };
}

/** Runs `work` for each number below `count`, so many at a time; answers the seconds that it took. */
export async function inTurns(
  count: number,
  atOnce: number,
  work: (index: number) => Promise<unknown>,
): Promise<number> {
  const started = performance.now();
  let next = 0;
  const turns = Array.from({ length: atOnce }, async () => {
    while (next < count) await work(next++);
  });
  await Promise.all(turns);
  return (performance.now() - started) / 1000;
}
