/** Connections to Redis: one place knows the URL forms, the time limits and how a Service's address is found anew. */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { AbstractConnector, Redis, type RedisOptions } from 'ioredis';
import type { ApiServerAccess } from './api-server.ts';
import { resolveService } from './discovery.ts';

export type { Redis };

/** Where a Redis URL leads. Pure data; `via: 'kubernetes'` is resolved at every connect. */
export type RedisTarget = RedisCredentials &
  (
    | { readonly via: 'address'; readonly host: string; readonly port: number; readonly tls: boolean }
    | { readonly via: 'kubernetes'; readonly namespace: string; readonly service: string; readonly port?: number }
    | {
        readonly via: 'sentinel';
        readonly sentinels: readonly { host: string; port: number }[];
        readonly master: string;
      }
  );

interface RedisCredentials {
  readonly username?: string;
  readonly password?: string;
  readonly db: number;
}

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
 * Parses a Redis URL, throwing on any other text:
 * `redis[s]://[[user]:password@]host[:port][/db]`, `redis+kubernetes://[:password@]namespace/service[:port][/db]`,
 * `redis+sentinel://[:password@]host:port[,host:port…]/master[/db]`. Pure.
 */
export function parseRedisUrl(url: string): RedisTarget {
  const match = /^(redis|rediss|redis\+kubernetes|redis\+sentinel):\/\/(?:([^@]*)@)?([^/]+)(?:\/(.*))?$/.exec(url);
  if (match === null) throw new Error(`not a Redis URL: ${url.replace(/:[^:@/]*@/, ':…@')}`);
  const [, scheme, login, authority = '', path = ''] = match;
  const parts = path.split('/').filter((part) => part !== '');
  if (scheme === 'redis+kubernetes') {
    const [service = '', port] = (parts[0] ?? '').split(':');
    const at = { namespace: authority, service, ...(port === undefined ? {} : { port: Number(port) }) };
    return { via: 'kubernetes', ...at, ...credentials(login, parts[1]) };
  }
  if (scheme === 'redis+sentinel') {
    const sentinels = authority.split(',').map((text) => hostPort(text, 26_379));
    return { via: 'sentinel', sentinels, master: parts[0] ?? 'mymaster', ...credentials(login, parts[1]) };
  }
  return { via: 'address', ...hostPort(authority, 6379), tls: scheme === 'rediss', ...credentials(login, parts[0]) };
}

/**
 * Opens a connection that never gives up: commands wait until Redis is back (`maxRetriesPerRequest: null`, as BullMQ
 * requires), and a half-open connection is noticed after 10 s of silence on a waiting command (control-plane fact 1.6).
 */
export function createRedis(url: string, options: CreateRedisOptions = {}): Redis {
  const all: RedisOptions = { ...connectionOptions(parseRedisUrl(url), options), ...limits(options.name) };
  const redis = new Redis({ ...all, replyMapping: 'legacy' });
  redis.on('error', options.onError ?? (() => undefined));
  return redis;
}

function limits(name: string | undefined): RedisOptions {
  return {
    maxRetriesPerRequest: null,
    socketTimeout: 10_000,
    connectTimeout: 5_000,
    retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 6), 2_000),
    ...(name === undefined ? {} : { connectionName: name }),
  };
}

function connectionOptions(target: RedisTarget, { access }: CreateRedisOptions): RedisOptions {
  const { username, password, db } = target;
  const login = { ...(username ? { username } : {}), ...(password ? { password } : {}), db };
  if (target.via === 'address') {
    return { host: target.host, port: target.port, ...(target.tls ? { tls: {} } : {}), ...login };
  }
  if (target.via === 'sentinel') {
    return { sentinels: target.sentinels.map((sentinel) => ({ ...sentinel })), name: target.master, ...login };
  }
  if (access === undefined) throw new Error('redis+kubernetes:// needs the address of the Kubernetes API server');
  const { namespace, service, port } = target;
  const resolve: Resolve = async () => (await resolveService(namespace, service, access))[0];
  return { Connector: serviceConnector(resolve, port), ...login };
}

type Resolve = () => Promise<string | undefined>;

/** How long to wait before asking again where a Service is. */
const ASK_AGAIN_MS = 500;

/**
 * An ioredis connector that asks where Redis is each time it connects, so a Redis that moved is found again. It asks
 * until it is told: ioredis gives up for good on a connector that fails.
 */
function serviceConnector(resolve: Resolve, port: number | undefined) {
  return class ServiceConnector extends AbstractConnector {
    constructor() {
      super(2_000);
    }

    override async connect(emit: (type: string, error: Error) => void): Promise<Socket> {
      this.connecting = true;
      while (this.connecting) {
        const address = await addressOr(resolve, (error) => emit('error', error));
        if (address !== undefined && this.connecting) return this.#open(hostPort(address, 6379));
        await sleep(ASK_AGAIN_MS);
      }
      throw new Error('Connection is closed.');
    }

    #open(at: { host: string; port: number }): Socket {
      const socket = connect({ host: at.host, port: port ?? at.port });
      socket.once('error', (error) => {
        this.firstError = error;
      });
      this.stream = socket;
      return socket;
    }
  };
}

async function addressOr(resolve: Resolve, report: (error: Error) => void): Promise<string | undefined> {
  try {
    const address = await resolve();
    if (address === undefined) report(new Error('the Redis Service has no ready address'));
    return address;
  } catch (error) {
    report(error instanceof Error ? error : new Error(String(error)));
    return undefined;
  }
}

function hostPort(text: string, fallback: number): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]*))(?::(\d+))?$/.exec(text);
  const host = match?.[1] ?? match?.[2] ?? '';
  if (host === '') throw new Error(`not host:port: ${text}`);
  return { host, port: match?.[3] === undefined ? fallback : Number(match[3]) };
}

function credentials(login: string | undefined, db: string | undefined): RedisCredentials {
  const [username = '', ...rest] = (login ?? '').split(':');
  const password = rest.join(':');
  return {
    ...(username === '' ? {} : { username: decodeURIComponent(username) }),
    ...(password === '' ? {} : { password: decodeURIComponent(password) }),
    db: Number(db ?? 0),
  };
}
