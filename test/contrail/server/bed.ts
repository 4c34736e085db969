/** What tests of the config API stand on: a Redis for the whole file, and servers with a client each. */
import { afterAll, beforeAll } from '@jest/globals';
import { type ContrailClient, createContrailClient } from '../../../contrail/client.ts';
import type { ConfigServer } from '../../../contrail/server/server.ts';
import { createRedis, type Redis } from '../../../runtime/redis.ts';
import { startRedis, type TestRedis } from '../../redis.ts';
import { startServer } from './support.ts';

/** A Redis of the file's own, from its first test to its last; `raw` is a connection to look behind the servers' backs. */
export function useRedis(): { readonly url: string; readonly raw: Redis } {
  let redis: TestRedis;
  let raw: Redis;
  beforeAll(async () => {
    redis = await startRedis();
    raw = createRedis(redis.url);
  });
  afterAll(async () => {
    raw.disconnect();
    await redis.stop();
  });
  return {
    get url() {
      return redis.url;
    },
    get raw() {
      return raw;
    },
  };
}

export interface Servers {
  readonly servers: readonly ConfigServer[];
  /** One for each server, which asks that one alone. */
  readonly clients: readonly ContrailClient[];
  readonly close: () => Promise<void>;
}

/** Servers that share one database. */
export async function startServers(redis: string, count: number): Promise<Servers> {
  const servers = await Promise.all(Array.from({ length: count }, async () => await startServer(redis)));
  const clients = servers.map(({ url }) => createContrailClient({ endpoints: async () => [url] }));
  const close = async (): Promise<void> => {
    for (const client of clients) client.close();
    for (const server of servers) await server.close();
  };
  return { servers, clients, close };
}
