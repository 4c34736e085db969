/** A config API of a test's own, on a port the kernel picks, and plain requests to it. */
import { pino } from 'pino';
import { createRegistry } from '../../../runtime/metrics.ts';
import { type ConfigServer, type ConfigServerOptions, startConfigServer } from '../../../contrail/server/server.ts';

export interface Answer {
  readonly status: number;
  readonly contentType: string | null;
  readonly etag: string | null;
  readonly text: string;
  readonly body: unknown;
}

/** Starts a server on this Redis; silent, open and ready unless said otherwise. */
export function startServer(redis: string, options: Partial<ConfigServerOptions> = {}): Promise<ConfigServer> {
  return startConfigServer({
    host: '127.0.0.1',
    port: 0,
    redis,
    token: '',
    prefix: '{test}',
    initialState: 'ready',
    logLength: 10_000,
    log: pino({ level: process.env['TEST_LOG'] ?? 'error' }),
    registry: createRegistry(),
    ...options,
  });
}

/** One request; the body is parsed where it is JSON. */
export async function ask(
  url: string,
  method: string,
  path: string,
  { body, headers = {} }: { readonly body?: unknown; readonly headers?: Record<string, string> } = {},
): Promise<Answer> {
  const init: RequestInit = { method, headers: { 'content-type': 'application/json', ...headers } };
  if (body !== undefined) init.body = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(url + path, init);
  const text = await response.text();
  const contentType = response.headers.get('content-type');
  const isJson = contentType?.startsWith('application/json') === true && text !== '';
  return {
    status: response.status,
    contentType,
    etag: response.headers.get('etag'),
    text,
    body: isJson ? JSON.parse(text) : text,
  };
}
