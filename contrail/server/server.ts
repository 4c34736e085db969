/** The whole config API as one thing that can be started and closed: tests and the program use the same. */
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Server } from 'node:http';
import type { Registry } from 'prom-client';
import type { ApiServerAccess } from '../../runtime/api-server.ts';
import { createComplaint } from '../../runtime/complaint.ts';
import { messageOf } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import { createRedis, type Redis } from '../../runtime/redis.ts';
import { onAnotherServer } from '../../runtime/redis-server.ts';
import { loadSchema } from '../schema.ts';
import { createApp } from './app.ts';
import { createClock } from './clock.ts';
import type { ServerDeps } from './context.ts';
import { listen, type ListenOptions } from './listen.ts';
import { layStartObjects } from './start.ts';
import { createDatabase, type Database } from './database.ts';
import type { DatabaseMemory } from './memory.ts';
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
  /** Tells an outdated database from the newest; absent: whatever Redis holds is served. */
  readonly memory?: DatabaseMemory;
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
  const connect = (name: string): Redis => {
    const complaint = createComplaint((reason) => log.warn({ reason, connection: name }, 'redis connection failed'));
    const redis = createRedis(options.redis, {
      name,
      ...(options.access === undefined ? {} : { access: options.access }),
      onError: ({ message }) => complaint.say(message),
    });
    return redis.on('ready', complaint.over);
  };
  const redis = connect('config-api');
  const follower = connect('config-api-follow');
  const deps = serverDeps(options, redis);
  const { database } = deps;
  const stream = createStream({ ...deps, redis: follower, log, registry });
  const checks = [
    { name: 'redis', unready: () => (redis.status === 'ready' ? undefined : 'no connection to the database') },
    { name: 'database', unready: database.unready },
  ];
  const app = createApp({
    ...deps,
    log,
    registry,
    token: options.token,
    isSecure: options.tls !== undefined,
    checks,
    watch: stream.watch,
  });
  const server = await listen(options, app, log);
  // Until Redis answers and its database is judged, probes are answered and everything else is told to wait.
  const closing = new AbortController();
  await keepJudged(database, { redis, key: deps.store.epochKey }, { signal: closing.signal, log });
  stream.start();
  return {
    ...addressOf(server, options),
    close: async () => {
      closing.abort();
      const stopped = stream.close();
      // It waits for changes on this connection.
      follower.disconnect();
      await stopped;
      await closeServer(server);
      redis.disconnect();
    },
  };
}

function serverDeps(options: ConfigServerOptions, redis: Redis): ServerDeps {
  const schema = loadSchema();
  const store = createStore({ redis, schema, prefix: options.prefix, logLength: options.logLength });
  const base = { store, schema, now: createClock() };
  const database = createDatabase({
    store,
    lay: () => layStartObjects(base, options.initialState),
    log: options.log,
    ...(options.memory === undefined ? {} : { memory: options.memory }),
  });
  return { ...base, database, ensureDatabase: database.ensure };
}

function addressOf(server: Server, { host, tls }: ListenOptions): Pick<ConfigServer, 'port' | 'url'> {
  // `address()` is an AddressInfo for every TCP server.
  const { port } = server.address() as AddressInfo;
  return { port, url: `${tls === undefined ? 'http' : 'https'}://${host}:${port}` };
}

/** Resolves when the database is judged; it is judged again whenever another Redis may be there. */
async function keepJudged(
  database: Database,
  { redis, key }: { readonly redis: Redis; readonly key: string },
  { signal, log }: { readonly signal: AbortSignal; readonly log: Logger },
): Promise<void> {
  await untilJudged(database, signal, log);
  onAnotherServer(redis, key, () => {
    database.doubt();
    void untilJudged(database, signal, log);
  });
}

/** Asks until the database could be judged; what hinders it (Redis, the API server) passes. */
async function untilJudged(database: Database, signal: AbortSignal, log: Logger): Promise<void> {
  const complaint = createComplaint((reason) => log.warn({ reason }, 'the database cannot be judged yet'));
  while (!signal.aborted) {
    try {
      await database.ensure();
      return;
    } catch (error) {
      complaint.say(messageOf(error));
      await sleep(500, undefined, { signal }).catch(() => undefined);
    }
  }
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), 1_000).unref();
  });
}
