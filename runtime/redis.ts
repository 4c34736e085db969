/** Connections to Redis: time limits, what is waited for, and how one server, sentinels and a cluster differ. */
import { Cluster, Redis as SingleRedis, type RedisOptions } from 'ioredis';
import type { ApiServerAccess } from './api-server.ts';
import { resolveService } from './discovery.ts';
import { type Resolve, serviceConnector } from './redis-service.ts';
import { parseRedisUrl, type RedisTarget } from './redis-url.ts';

/** A connection, to one server or to a cluster of them: commands are the same. */
export type Redis = SingleRedis | Cluster;

/** What may differ between connections. */
export interface CreateRedisOptions {
  /** Asks the API server for the Service's addresses; required by `redis+kubernetes://` URLs. */
  readonly access?: ApiServerAccess;
  /** Shown by `CLIENT LIST`. */
  readonly name?: string;
  /** Called on every connection error; ioredis reconnects by itself. */
  readonly onError?: (error: Error) => void;
}

/**
 * Opens a connection that never gives up: commands wait until Redis is back (`maxRetriesPerRequest: null`, as BullMQ
 * requires), and a half-open connection is noticed after 10 s of silence on a waiting command (control-plane fact 1.6).
 */
export function createRedis(url: string, options: CreateRedisOptions = {}): Redis {
  const target = parseRedisUrl(url);
  const redis = target.via === 'cluster' ? openCluster(target, options) : openOne(target, options);
  redis.on('error', options.onError ?? (() => undefined));
  return redis;
}

const retryMs = (attempt: number): number => Math.min(50 * 2 ** Math.min(attempt, 6), 2_000);

function limits({ name }: CreateRedisOptions): RedisOptions {
  return {
    maxRetriesPerRequest: null,
    socketTimeout: 10_000,
    connectTimeout: 5_000,
    ...(name === undefined ? {} : { connectionName: name }),
  };
}

function login({ username, password, db, tls }: RedisTarget): RedisOptions {
  return { ...(username ? { username } : {}), ...(password ? { password } : {}), ...(tls ? { tls: {} } : {}), db };
}

type OneTarget = Exclude<RedisTarget, { readonly via: 'cluster' }>;

function openOne(target: OneTarget, options: CreateRedisOptions): SingleRedis {
  return new SingleRedis({
    ...login(target),
    ...whereabouts(target, options),
    ...limits(options),
    retryStrategy: retryMs,
    // A master that was made a replica refuses writes: the connection is opened again, to its successor.
    reconnectOnError: ({ message }) => (message.startsWith('READONLY') ? 2 : false),
    replyMapping: 'legacy',
  });
}

function whereabouts(target: OneTarget, { access }: CreateRedisOptions): RedisOptions {
  switch (target.via) {
    case 'address':
      return { host: target.host, port: target.port };
    case 'sentinel':
      return {
        sentinels: target.sentinels.map((sentinel) => ({ ...sentinel })),
        name: target.master,
        // Told of a failover, it does not wait for the old master's silence.
        failoverDetector: true,
        sentinelRetryStrategy: retryMs,
        ...(target.sentinelPassword === undefined ? {} : { sentinelPassword: target.sentinelPassword }),
        ...(target.tls ? { enableTLSForSentinelMode: true, sentinelTLS: {} } : {}),
      };
    case 'kubernetes': {
      if (access === undefined) throw new Error('redis+kubernetes:// needs the address of the Kubernetes API server');
      const { namespace, service, port } = target;
      const resolve: Resolve = async () => (await resolveService(namespace, service, access))[0];
      return { Connector: serviceConnector(resolve, port) };
    }
  }
}

/** As good as for ever, at 100 ms each: a failover takes what the cluster's `node-timeout` says, a slot's move as long as it takes. */
const REDIRECTIONS = 1e6;

const dnsLookup = (address: string, callback: (error: null, address: string) => void): void => callback(null, address);

function openCluster(target: Extract<RedisTarget, { readonly via: 'cluster' }>, options: CreateRedisOptions): Cluster {
  const clusterOptions = {
    redisOptions: { ...login(target), ...limits(options), replyMapping: 'legacy' as const },
    clusterRetryStrategy: retryMs,
    maxRedirections: REDIRECTIONS,
    // Names in a certificate are names: a node's address is asked for by TLS as it was given.
    ...(target.tls ? { dnsLookup } : {}),
    slotsRefreshTimeout: 5_000,
    slotsRefreshInterval: 5_000,
  };
  const nodes = target.nodes.map((node) => ({ ...node }));
  return new Cluster(nodes, clusterOptions);
}
