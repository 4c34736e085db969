/** One HTTP exchange with a config API: keep-alive connections, several servers, retries by a table of statuses. */
import { Agent as HttpAgent, type IncomingMessage, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';

/** What a config API answered instead of success. `message` is its text; a page around it is stripped. */
export class ContrailError extends Error {
  override readonly name = 'ContrailError';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** How the embedded config API ends a refusal (503) to give a new address while its database is rebuilt. */
export const CLOSED = 'no new address before the database is rebuilt';

export interface TransportOptions {
  /** Base URLs, `http[s]://host:port`; asked again for every round of attempts. */
  readonly endpoints: () => Promise<readonly string[]>;
  readonly token?: string;
  /** PEM of the authorities that may have signed the server's certificate; asked for at every attempt, since they are rotated. */
  readonly ca?: () => Promise<string>;
  /** The name to expect in that certificate, where the URL holds an address. */
  readonly serverName?: string;
  readonly signal?: AbortSignal;
  /** Time limit of one attempt in milliseconds; default 30 000. */
  readonly timeoutMs?: number;
}

export interface Exchange {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
}

export interface Transport {
  /** Resolves with the parsed JSON, `undefined` for an empty body; throws `ContrailError`, or the network's own error. */
  readonly exchange: (exchange: Exchange, signal?: AbortSignal) => Promise<unknown>;
  /** Opens a response that stays open, for `GET` streams; no retries. Throws `ContrailError` unless the status is 200. */
  readonly open: (path: string, signal: AbortSignal) => Promise<IncomingMessage>;
  /** Closes idle connections. */
  readonly close: () => void;
}

/** Delays in milliseconds before each further attempt, by status; 0 stands for a connection that failed. */
const RETRY_DELAYS: Readonly<Record<number, readonly number[]>> = {
  0: [50, 200, 500, 1000, 2000],
  429: [200, 500, 1000, 2000],
  502: [100, 300, 1000, 2000],
  503: [100, 300, 1000],
  504: [100, 1000],
};

/** A transport over keep-alive agents; every attempt takes the next server in turn. */
export function createTransport(options: TransportOptions): Transport {
  const http = new HttpAgent({ keepAlive: true, maxSockets: 64 });
  const https = trustingAgents(options.serverName);
  let turn = 0;

  const send = async ({ method, path, body }: Exchange, signal: AbortSignal): Promise<IncomingMessage> => {
    const endpoints = await options.endpoints();
    const base = endpoints[turn++ % Math.max(endpoints.length, 1)];
    if (base === undefined) throw new Error('no config API has a ready address');
    const url = new URL(path, base);
    const secure = url.protocol === 'https:' ? https.trusting(await options.ca?.()) : undefined;
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = {
      accept: 'application/json',
      ...(options.token ? { authorization: `Bearer ${options.token}`, 'x-auth-token': options.token } : {}),
      ...(text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
    };
    return new Promise((resolve, reject) => {
      const call =
        secure === undefined
          ? httpRequest(url, { method, headers, agent: http, signal }, resolve)
          : httpsRequest(url, { method, headers, agent: secure, signal }, resolve);
      call.on('error', reject);
      call.end(text);
    });
  };

  const attempt = async (exchange: Exchange, signal: AbortSignal): Promise<unknown> => {
    const response = await send(exchange, AbortSignal.any([signal, AbortSignal.timeout(options.timeoutMs ?? 30_000)]));
    const text = await textOf(response);
    const status = response.statusCode ?? 0;
    if (status >= 300) throw new ContrailError(status, plainMessage(text));
    return text === '' ? undefined : (JSON.parse(text) as unknown);
  };

  return {
    exchange: (exchange, signal) => withRetries((stop) => attempt(exchange, stop), signals(options.signal, signal)),
    open: async (path, signal) => {
      const response = await send({ method: 'GET', path }, signals(options.signal, signal));
      if (response.statusCode === 200) return response;
      throw new ContrailError(response.statusCode ?? 0, plainMessage(await textOf(response)));
    },
    close: () => {
      http.destroy();
      https.destroy();
    },
  };
}

/** One agent for each bundle of authorities. Calls under way, and the open stream, keep the connection that they have. */
function trustingAgents(serverName: string | undefined) {
  const agents = new Map<string | undefined, HttpsAgent>();
  const name = serverName === undefined ? {} : { servername: serverName };
  return {
    trusting: (ca: string | undefined): HttpsAgent => {
      const known = agents.get(ca);
      if (known !== undefined) return known;
      const agent = new HttpsAgent({ keepAlive: true, maxSockets: 64, ...name, ...(ca === undefined ? {} : { ca }) });
      agents.set(ca, agent);
      return agent;
    },
    destroy: (): void => agents.forEach((agent) => agent.destroy()),
  };
}

async function withRetries<T>(run: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let failures = 0; ; failures += 1) {
    try {
      return await run(signal);
    } catch (error) {
      const delay = RETRY_DELAYS[error instanceof ContrailError ? error.status : 0]?.[failures];
      if (delay === undefined || signal.aborted) throw error;
      await sleep(delay * (0.5 + Math.random()), undefined, { signal });
    }
  }
}

function signals(...given: readonly (AbortSignal | undefined)[]): AbortSignal {
  return AbortSignal.any(given.filter((signal) => signal !== undefined));
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

/** Some answers of the real server are an HTML page with the message in `<pre>` (facts 1). */
function plainMessage(text: string): string {
  return (/<pre>([\s\S]*?)<\/pre>/.exec(text)?.[1] ?? text).trim();
}
