/** The forms of a Redis URL: one server, a Kubernetes Service, sentinels, a cluster. Pure. */

/** Where a Redis URL leads. Pure data; `via: 'kubernetes'` is resolved at every connect. */
export type RedisTarget = RedisCredentials &
  (
    | ({ readonly via: 'address' } & HostPort)
    | { readonly via: 'kubernetes'; readonly namespace: string; readonly service: string; readonly port?: number }
    | {
        readonly via: 'sentinel';
        readonly sentinels: readonly HostPort[];
        readonly master: string;
        /** Of the sentinels themselves, where they ask for one. */
        readonly sentinelPassword?: string;
      }
    | { readonly via: 'cluster'; readonly nodes: readonly HostPort[] }
  );

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

interface RedisCredentials {
  readonly username?: string;
  readonly password?: string;
  readonly db: number;
  readonly tls: boolean;
}

/**
 * Parses a Redis URL, throwing on any other text; `rediss` instead of `redis` speaks TLS. Pure.
 * `redis://[[user]:password@]host[:port][/db]`, `redis+kubernetes://[:password@]namespace/service[:port][/db]`,
 * `redis+sentinel://[[user]:password@]host:port[,host:port…]/master[/db][?sentinelPassword=…]`,
 * `redis+cluster://[[user]:password@]host:port[,host:port…]`.
 */
export function parseRedisUrl(url: string): RedisTarget {
  const match =
    /^redis(s?)(?:\+(kubernetes|sentinel|cluster))?:\/\/(?:([^@]*)@)?([^/?]+)(?:\/([^?]*))?(?:\?(.*))?$/.exec(url);
  if (match === null) throw new Error(`not a Redis URL: ${url.replace(/:[^:@/]*@/, ':…@')}`);
  const [, s, kind, login, authority = '', path = '', query] = match;
  const parts = path.split('/').filter((part) => part !== '');
  const tls = s === 's';
  switch (kind) {
    case 'kubernetes':
      if (tls) throw new Error('a Redis behind a Service of the cluster is not spoken to by TLS: give its address');
      return { via: 'kubernetes', ...serviceAt(authority, parts[0]), ...credentials(login, parts[1]), tls };
    case 'sentinel':
      return { via: 'sentinel', ...sentinelsAt(authority, parts[0], query), ...credentials(login, parts[1]), tls };
    case 'cluster':
      return { via: 'cluster', nodes: hostPorts(authority, 6379), ...credentials(login, undefined), tls };
    case undefined:
    default:
      return { via: 'address', ...hostPort(authority, 6379), ...credentials(login, parts[0]), tls };
  }
}

function serviceAt(namespace: string, text = '') {
  const [service = '', port] = text.split(':');
  return { namespace, service, ...(port === undefined ? {} : { port: Number(port) }) };
}

function sentinelsAt(authority: string, master = 'mymaster', query = '') {
  const password = new URLSearchParams(query).get('sentinelPassword');
  const sentinels = hostPorts(authority, 26_379);
  return { sentinels, master, ...(password === null ? {} : { sentinelPassword: password }) };
}

function hostPorts(text: string, fallback: number): readonly HostPort[] {
  return text.split(',').map((one) => hostPort(one, fallback));
}

/** `host[:port]` or `[IPv6][:port]`; throws where there is no host. */
export function hostPort(text: string, fallback: number): HostPort {
  const match = /^(?:\[([^\]]+)\]|([^:]*))(?::(\d+))?$/.exec(text);
  const host = match?.[1] ?? match?.[2] ?? '';
  if (host === '') throw new Error(`not host:port: ${text}`);
  return { host, port: match?.[3] === undefined ? fallback : Number(match[3]) };
}

function credentials(login: string | undefined, db: string | undefined): Omit<RedisCredentials, 'tls'> {
  const [username = '', ...rest] = (login ?? '').split(':');
  const password = rest.join(':');
  return {
    ...(username === '' ? {} : { username: decodeURIComponent(username) }),
    ...(password === '' ? {} : { password: decodeURIComponent(password) }),
    db: Number(db ?? 0),
  };
}
