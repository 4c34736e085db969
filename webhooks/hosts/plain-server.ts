/** Plain HTTP for hosts that bring TLS themselves: HTTP/1.1, and HTTP/2 without TLS (h2c) for those who begin with it. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttp2Server, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import { type AddressInfo, createServer as createSocketServer, type Socket } from 'node:net';
import { messageOf } from '../../runtime/errors.ts';
import { refusal } from '../answer.ts';
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

/** Resolves when listening. Without express, which speaks HTTP/1.1 alone, and would be two thirds of what a cold start loads. */
export async function startPlainServer({ answer }: WebhookFunction, port: number): Promise<PlainServer> {
  const http1 = createServer((request, response) => void respond(request, response, answer));
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

type Incoming = IncomingMessage | Http2ServerRequest;
/** What answers of both versions have in common. */
type Outgoing = Pick<ServerResponse | Http2ServerResponse, 'statusCode'> & {
  setHeader(name: string, value: string | number): unknown;
  end(text: string): unknown;
};

async function respond(request: Incoming, response: Outgoing, answer: WebhookFunction['answer']): Promise<void> {
  const { status, body } = await answerOf(request, answer).catch((error: unknown) => refusal(500, messageOf(error)));
  const text = JSON.stringify(body);
  response.statusCode = status;
  response.setHeader('content-type', 'application/json');
  response.setHeader('content-length', Buffer.byteLength(text));
  response.end(text);
}

async function answerOf(request: Incoming, answer: WebhookFunction['answer']): ReturnType<typeof answer> {
  const { method = '', url = '/', headers } = request;
  // An API server adds its time limit as a query.
  const [path = '/'] = url.split('?', 1);
  if (method === 'GET' && (path === '/healthz' || path === '/readyz')) return { status: 200, body: {} };
  return await answer({
    method,
    path,
    // The headers that are read here are never lists.
    headers: headers as Readonly<Record<string, string | undefined>>,
    body: async () => await readBody(request),
  });
}
