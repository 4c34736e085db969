/** The HTTP side: who may ask, what a body may be, and how errors are written (facts 1). */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';
import { readBody } from '../../runtime/body.ts';
import { answerHealth, type ReadinessCheck } from '../../runtime/health.ts';
import type { Logger } from '../../runtime/log.ts';
import { counter, histogram } from '../../runtime/metrics.ts';
import type { ApiAnswer, ApiRequest, ServerDeps } from './context.ts';
import { HttpError } from './errors.ts';
import { routeOf } from './router.ts';

export interface AppDeps extends ServerDeps {
  readonly log: Logger;
  readonly registry: Registry;
  /** Empty: everyone may ask. */
  readonly token: string;
  readonly isSecure: boolean;
  readonly checks: readonly ReadinessCheck[];
  /** Answers `/embedded/watch`, whose response stays open; throws what it refuses. */
  readonly watch: (query: URLSearchParams, response: ServerResponse) => Promise<void>;
}

/** Bytes of a body (the real server's default). */
const MAX_BODY = 1_024_000;
const OPEN_PATHS = new Set(['/', '/healthz', '/readyz', '/metrics']);

/** A request listener for `node:http` and `node:https`. */
export function createApp(deps: AppDeps): (request: IncomingMessage, response: ServerResponse) => void {
  const requests = counter(deps.registry, 'config_api_requests', 'Requests by method and status', ['method', 'status']);
  const duration = histogram(deps.registry, 'config_api_request_duration', 'Time to answer by method', ['method']);
  return (request, response) => {
    const stop = duration.startTimer({ method: request.method ?? '' });
    response.once('close', () => {
      stop();
      requests.inc({ method: request.method ?? '', status: String(response.statusCode) });
    });
    answer(deps, request, response).catch((error: unknown) => refuse(deps.log, request, response, error));
  };
}

async function answer(deps: AppDeps, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const health = await answerHealth(url.pathname, deps);
  if (health !== undefined) {
    response.writeHead(health.status, { 'content-type': health.contentType }).end(health.body);
    return;
  }
  if (!OPEN_PATHS.has(url.pathname) && !isAllowed(request, deps.token)) {
    response
      .writeHead(401, { 'content-type': 'text/plain', 'www-authenticate': 'Bearer' })
      .end('Authentication required');
    return;
  }
  const unready = deps.checks.map((check) => check.unready()).find((reason) => reason !== undefined);
  if (unready !== undefined) throw new HttpError(503, `Api server is Initializing:${unready}`);
  if (url.pathname === '/embedded/watch' && request.method === 'GET') {
    await deps.watch(url.searchParams, response);
    return;
  }
  const { handler, params } = routeOf(deps.schema, request.method ?? 'GET', decodeURIComponent(url.pathname));
  const parsed = await parse(request, url, deps.isSecure);
  send(response, request, await ofOneDatabase(deps, parsed, () => handler(parsed, deps, params)));
}

/** Answers of an emptied database that nobody must take for the truth: it is asked again when it has been laid anew. */
const MAX_RUNS = 3;

/**
 * Runs a handler, and runs it again where the database was lost meanwhile: what was read, or refused for want of
 * something, came from an empty Redis. A write that succeeded is not repeated: the script looks for the epoch itself.
 */
async function ofOneDatabase(deps: AppDeps, { method }: ApiRequest, run: () => Promise<ApiAnswer>): Promise<ApiAnswer> {
  for (let runs = 1; ; runs += 1) {
    const epoch = deps.database.known();
    const isOver = async (): Promise<boolean> => runs < MAX_RUNS && (await deps.database.current()) !== epoch;
    try {
      const answer = await run();
      if (method !== 'GET' || !(await isOver())) return answer;
    } catch (error) {
      if (!(error instanceof HttpError) || !(await isOver())) throw error;
    }
  }
}

async function parse(request: IncomingMessage, url: URL, isSecure: boolean): Promise<ApiRequest> {
  const base = `${isSecure ? 'https' : 'http'}://${request.headers.host ?? 'localhost'}`;
  return {
    method: request.method ?? 'GET',
    path: url.pathname,
    query: url.searchParams,
    body: await bodyOf(request),
    base,
    href: (type, uuid) => `${base}/${type}/${uuid}`,
    ifNoneMatch: request.headers['if-none-match'],
  };
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const body = await readBody(request, MAX_BODY);
  if (body === undefined) throw new HttpError(413, 'Request entity too large');
  if (body === '') return undefined;
  if (!(request.headers['content-type'] ?? '').startsWith('application/json')) {
    throw new HttpError(400, 'Bad Request: the body must be application/json');
  }
  try {
    return JSON.parse(body);
  } catch (error) {
    throw new HttpError(400, `Bad Request: the body is no JSON: ${error instanceof Error ? error.message : ''}`);
  }
}

function send(response: ServerResponse, request: IncomingMessage, { status, body, etag }: ApiAnswer): void {
  const text = body === undefined ? '' : JSON.stringify(body);
  response.writeHead(status, {
    'content-type': body === undefined ? 'text/html; charset=UTF-8' : 'application/json',
    'content-length': Buffer.byteLength(text),
    ...(etag === undefined ? {} : { etag }),
  });
  response.end(request.method === 'HEAD' ? '' : text);
}

/** Refusals are bare texts; what nobody expected is logged and told without its inside. */
function refuse(log: Logger, request: IncomingMessage, response: ServerResponse, error: unknown): void {
  const known = error instanceof HttpError ? error : undefined;
  if (known === undefined) log.error({ error, method: request.method, path: request.url }, 'request failed');
  if (response.headersSent) {
    response.destroy();
    return;
  }
  writeError(response, request.method, known ?? new HttpError(500, 'Internal Server Error'));
}

function writeError(response: ServerResponse, method: string | undefined, { status, message }: HttpError): void {
  // A body that is not read to its end leaves the connection unusable.
  const close = status === 413 ? { connection: 'close' } : {};
  response.writeHead(status, {
    'content-type': 'text/html; charset=UTF-8',
    'content-length': Buffer.byteLength(message),
    ...close,
  });
  response.end(method === 'HEAD' ? '' : message);
}

function isAllowed(request: IncomingMessage, token: string): boolean {
  if (token === '') return true;
  const header = request.headers.authorization ?? '';
  const given = header.startsWith('Bearer ') ? header.slice(7) : String(request.headers['x-auth-token'] ?? '');
  return timingSafeEqual(digest(given), digest(token));
}

/** Equal lengths, as the comparison wants them. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
