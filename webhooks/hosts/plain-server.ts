/** Plain HTTP for hosts that bring TLS themselves: HTTP/1.1, and HTTP/2 without TLS (h2c) for those who begin with it. */
import { createServer } from 'node:http';
import { createServer as createHttp2Server, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import { type AddressInfo, createServer as createSocketServer, type Socket } from 'node:net';
import { createApp } from '../app.ts';
import { readBody } from '../body.ts';
import type { WebhookFunction } from './function.ts';

export interface PlainServer {
  readonly port: number;
  /** Answers what is in flight, then closes. */
  readonly close: () => Promise<void>;
}

/** How a client of HTTP/2 that knows what it wants begins (RFC 9113, 3.4); no method of HTTP/1.1 is called so. */
const PREFACE = Buffer.from('PRI');
/** A client that says nothing is not waited for. */
const SILENCE_MS = 60_000;

/** Resolves when listening. Express speaks HTTP/1.1 alone, so streams of HTTP/2 are answered without it. */
export async function startPlainServer({ appDeps, answer }: WebhookFunction, port: number): Promise<PlainServer> {
  const http1 = createServer(createApp(appDeps));
  const http2 = createHttp2Server((request, response) => void respond(request, response, answer));
  const sockets = new Set<Socket>();
  const server = createSocketServer((socket) => {
    sockets.add(socket.once('close', () => sockets.delete(socket)));
    socket.on('error', () => socket.destroy()).setTimeout(SILENCE_MS, () => socket.destroy());
    socket.once('data', (chunk: Buffer) => {
      socket.pause().setTimeout(0);
      socket.unshift(chunk);
      (chunk.subarray(0, PREFACE.length).equals(PREFACE) ? http2 : http1).emit('connection', socket);
      process.nextTick(() => socket.resume());
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, resolve);
  });
  const close = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    http1.closeIdleConnections();
    const patience = setTimeout(() => sockets.forEach((socket) => socket.destroy()), DRAIN_MS);
    await closed;
    clearTimeout(patience);
  };
  return { port: (server.address() as AddressInfo).port, close };
}

/** A call has its answer within two seconds, or nobody waits for it any more. */
const DRAIN_MS = 2_000;

async function respond(
  request: Http2ServerRequest,
  response: Http2ServerResponse,
  answer: WebhookFunction['answer'],
): Promise<void> {
  const { method, url, headers } = request;
  const isProbe = method === 'GET' && (url === '/healthz' || url === '/readyz');
  const { status, body } = isProbe
    ? { status: 200, body: {} }
    : await answer({
        method,
        path: url,
        // The headers that are read here are never lists.
        headers: headers as Readonly<Record<string, string | undefined>>,
        body: async () => await readBody(request),
      });
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
