/** One HTTP exchange with the API server: the only file of this folder that opens connections. */
import { type IncomingMessage, request as requestPlain } from 'node:http';
import { request as requestTls } from 'node:https';
import type { Credentials } from './credentials.ts';
import { KubeError } from './errors.ts';

/** One request. `query` values left `undefined` are not sent; `body` is sent as JSON of `contentType`. */
export interface Exchange {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Query | undefined;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly signal?: AbortSignal | undefined;
  /** How long the answer's head may take, in milliseconds. */
  readonly timeoutMs?: number | undefined;
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** Sends a request and yields the answer once its head is there; any status but 2xx is thrown as a `KubeError`. */
export async function send(exchange: Exchange, credentials: Credentials): Promise<IncomingMessage> {
  const response = await open(exchange, credentials);
  const status = response.statusCode ?? 0;
  if (status >= 200 && status < 300) return response;
  const text = await readText(response);
  throw errorOf(status, text, { exchange, retryAfter: response.headers['retry-after'] });
}

/** Sends a request and yields the answer's JSON; `undefined` where the body is empty. */
export async function exchangeJson(exchange: Exchange, credentials: Credentials): Promise<unknown> {
  const text = await readText(await send(exchange, credentials));
  return text === '' ? undefined : (JSON.parse(text) as unknown);
}

/** The lines of an answer as they arrive; throws when the connection breaks before the answer's end. */
export async function* readLines(response: IncomingMessage): AsyncGenerator<string> {
  response.setEncoding('utf8');
  let rest = '';
  for await (const chunk of response) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') yield line;
  }
  if (rest !== '') yield rest;
}

async function open(exchange: Exchange, credentials: Credentials): Promise<IncomingMessage> {
  const { server, headers, agent } = await credentials();
  const url = new URL(server.replace(/\/$/, '') + exchange.path);
  for (const [key, value] of Object.entries(exchange.query ?? {})) {
    if (value !== undefined) url.searchParams.set(key, String(value));
  }
  const body = exchange.body === undefined ? undefined : Buffer.from(JSON.stringify(exchange.body));
  const options = {
    method: exchange.method,
    agent,
    headers: { accept: 'application/json', ...headers, ...(body === undefined ? {} : bodyHeaders(exchange, body)) },
    ...(exchange.signal === undefined ? {} : { signal: exchange.signal }),
  };
  return await new Promise<IncomingMessage>((resolve, reject) => {
    const call = url.protocol === 'http:' ? requestPlain(url, options, answered) : requestTls(url, options, answered);
    const timer = setTimeout(
      () =>
        call.destroy(
          new Error(`${exchange.method} ${exchange.path}: no answer in ${exchange.timeoutMs ?? DEFAULT_TIMEOUT_MS} ms`),
        ),
      exchange.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    );
    function answered(response: IncomingMessage): void {
      clearTimeout(timer);
      resolve(response);
    }
    call.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    call.on('socket', (socket) => socket.setKeepAlive(true, 15_000));
    call.end(body);
  });
}

const DEFAULT_TIMEOUT_MS = 30_000;

function bodyHeaders(exchange: Exchange, body: Buffer): Record<string, string> {
  return { 'content-type': exchange.contentType ?? 'application/json', 'content-length': String(body.length) };
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer); // An answer without an encoding yields buffers.
  return Buffer.concat(chunks).toString('utf8');
}

function errorOf(
  status: number,
  text: string,
  context: { exchange: Exchange; retryAfter: string | undefined },
): KubeError {
  const { exchange, retryAfter } = context;
  const parsed = statusObject(text);
  const seconds = Number(retryAfter ?? Number.NaN);
  return new KubeError(
    status,
    parsed.message ?? `${exchange.method} ${exchange.path} answered ${status}: ${text.slice(0, 200)}`,
    {
      ...(parsed.reason === undefined ? {} : { reason: parsed.reason }),
      ...(Number.isFinite(seconds) ? { retryAfterSeconds: seconds } : {}),
    },
  );
}

function statusObject(text: string): { readonly message?: string; readonly reason?: string } {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {}; // A proxy's page or a plain text ("too many requests"): the caller quotes it.
  }
}
