/** The plain HTTP side of a program: `/healthz`, `/readyz` and `/metrics`. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';
import type { ListenAddress } from './common-settings.ts';
import type { Lifecycle } from './lifecycle.ts';

/** A named condition of readiness; `undefined` means ready, text says what is missing. */
export interface ReadinessCheck {
  readonly name: string;
  readonly unready: () => string | undefined;
}

/** Answers one probe or metrics request, or `undefined` when the path is none of these. */
export async function answerHealth(
  path: string,
  deps: { readonly checks: readonly ReadinessCheck[]; readonly registry: Pick<Registry, 'contentType' | 'metrics'> },
): Promise<{ status: number; contentType: string; body: string } | undefined> {
  switch (path) {
    case '/healthz':
      return { status: 200, contentType: 'text/plain', body: 'ok\n' };
    case '/readyz': {
      const reasons = deps.checks.flatMap(({ name, unready }) => {
        const reason = unready();
        return reason === undefined ? [] : [`${name}: ${reason}`];
      });
      return {
        status: reasons.length === 0 ? 200 : 503,
        contentType: 'text/plain',
        body: `${reasons.join('\n') || 'ok'}\n`,
      };
    }
    case '/metrics':
      return { status: 200, contentType: deps.registry.contentType, body: await deps.registry.metrics() };
    default:
      return undefined;
  }
}

/** Answers a request that is none of the above, and says whether it did. */
export type Further = (request: IncomingMessage, response: ServerResponse) => boolean;

/** Serves probes, metrics and what a program has `further`; resolves when listening. */
export async function serveHealth(
  address: ListenAddress,
  deps: { readonly checks: readonly ReadinessCheck[]; readonly registry: Registry; readonly further?: Further },
): Promise<Server> {
  return await openServer(address, (request, response) => {
    if (deps.further?.(request, response) !== true) void respond(request, response, deps);
  });
}

/**
 * Serves metrics alone, to other machines too: what else a program has at a port of its own may be its machine's affair.
 * Nothing without an address. Closed with the program.
 */
export async function serveMetrics(
  address: ListenAddress | undefined,
  registry: Registry,
  { onClose }: Lifecycle,
): Promise<void> {
  if (address === undefined) return;
  const server = await openServer(address, (request, response) => {
    if (request.url === '/metrics') void respond(request, response, { checks: [], registry });
    else response.writeHead(404, { 'content-type': 'text/plain' }).end('not found\n');
  });
  onClose('metrics', () => closeAtOnce(server));
}

/** Listens, over plain HTTP; resolves when it does. */
export async function openServer(
  { host, port }: ListenAddress,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Server> {
  const server = createServer(answer);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return server;
}

/** Leaves no request to be finished. */
export function closeAtOnce(server: Server): void {
  server.close();
  server.closeAllConnections();
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  deps: Parameters<typeof answerHealth>[1],
): Promise<void> {
  const answer = await answerHealth(request.url ?? '/', deps);
  response.writeHead(answer?.status ?? 404, { 'content-type': answer?.contentType ?? 'text/plain' });
  response.end(answer?.body ?? 'not found\n');
}
