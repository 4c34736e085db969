/** The whole config API as one thing that can be started and closed: tests and the program use the same. */
import type { AddressInfo } from 'node:net';
import type { Server } from 'node:http';
import type { Registry } from 'prom-client';
import type { ApiServerAccess } from '../../runtime/discovery.ts';
import type { Logger } from '../../runtime/log.ts';
import { createRedis, type Redis } from '../../runtime/redis.ts';
import { loadSchema } from '../schema.ts';
import { createApp } from './app.ts';
import { createClock } from './clock.ts';
import { listen, type ListenOptions } from './listen.ts';
import { layStartObjects } from './start.ts';
import { createDatabase } from './database.ts';
import { createStore } from './store/store.ts';
import { createStream } from './stream/stream.ts';

export interface ConfigServerOptions extends ListenOptions {
  readonly redis: string;
  readonly access?: ApiServerAccess;
  /** Empty: everyone may ask. */
  readonly token: string;
  readonly prefix: string;
  /** State of a new database: `rebuilding` keeps allocation closed until somebody says `ready`. */
  readonly initialState: 'rebuilding' | 'ready';
  /** Changes kept for watchers that come back. */
  readonly logLength: number;
  readonly log: Logger;
  readonly registry: Registry;
}

export interface ConfigServer {
  /** Port that the socket got, where 0 was asked for. */
  readonly port: number;
  readonly url: string;
  readonly close: () => Promise<void>;
}

/** Connects to Redis, lays the start objects of a new database, and listens. */
export async function startConfigServer(options: ConfigServerOptions): Promise<ConfigServer> {
  const { log, registry } = options;
  const connect = (name: string): Redis =>
    createRedis(options.redis, {
      name,
      ...(options.access === undefined ? {} : { access: options.access }),
      onError: (error) => log.warn({ error: error.message, connection: name }, 'redis connection failed'),
    });
  const redis = connect('config-api');
  const follower = connect('config-api-follow');
  const schema = loadSchema();
  const store = createStore({ redis, schema, prefix: options.prefix, logLength: options.logLength });
  const now = createClock();
  const base = { store, schema, now };
  const database = createDatabase(store, () => layStartObjects(base, options.initialState));
  const deps = { ...base, ensureDatabase: database.ensure };
  const stream = createStream({ ...deps, redis: follower, log, registry });
  const checks = [
    { name: 'redis', unready: () => (redis.status === 'ready' ? undefined : 'no connection to the database') },
  ];
  const app = createApp({
    ...deps,
    log,
    registry,
    token: options.token,
    isSecure: options.tls !== undefined,
    checks,
    watch: stream.watch,
    database,
  });
  const server = await listen(options, app, log);
  // Until Redis answers, probes are answered and everything else is told to wait.
  await database.ensure();
  stream.start();
  // `address()` is an AddressInfo for every TCP server.
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `${options.tls === undefined ? 'http' : 'https'}://${options.host}:${port}`,
    close: async () => {
      const stopped = stream.close();
      // It waits for changes on this connection.
      follower.disconnect();
      await stopped;
      await closeServer(server);
      redis.disconnect();
    },
  };
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), 1_000).unref();
  });
}
