/** Questions of health checks, put to real servers. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createServer as createHttpServer, type RequestListener, type Server as HttpServer } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { createAuthority, issueServing } from '../../../certs/issue.ts';
import { ask } from '../../../vrouter/health/ask.ts';
import type { HealthCheck } from '../../../vrouter/model/services.ts';

const NEVER = new AbortController().signal;
const servers: (HttpServer | HttpsServer | Server)[] = [];

/** Answers with the status that the path names, or never. */
const respond: RequestListener = (request, response) => {
  const status = Number(request.url?.slice(1));
  if (status > 0) response.writeHead(status).end();
};

async function portOf(server: HttpServer | HttpsServer | Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

const ports = { HTTP: 0, HTTPS: 0, TCP: 0, nobody: 0 };

beforeAll(async () => {
  const authority = createAuthority('health', { now: Date.now(), days: 1 });
  const { cert, key } = issueServing(authority, ['somebody.else'], { now: Date.now(), days: 1 });
  ports.HTTP = await portOf(createHttpServer(respond));
  ports.HTTPS = await portOf(createHttpsServer({ cert, key }, respond));
  ports.TCP = await portOf(createServer((socket) => socket.end()));
  const gone = createServer();
  ports.nobody = await portOf(gone);
  gone.close();
});

afterAll(() => servers.forEach((server) => server.close()));

const check = (more: Partial<HealthCheck>): HealthCheck => ({
  subject: 'member',
  address: '127.0.0.1',
  type: 'HTTP',
  delayMs: 1000,
  timeoutMs: 500,
  retries: 2,
  ...more,
});

test.each<[string, () => Partial<HealthCheck>, unknown]>([
  ['HTTP 200', () => ({ port: ports.HTTP, path: '/200' }), undefined],
  ['HTTP 302, as the kubelet has it', () => ({ port: ports.HTTP, path: '/302' }), undefined],
  ['HTTP 503', () => ({ port: ports.HTTP, path: '/503' }), 'HTTP status 503'],
  ['HTTP that never answers', () => ({ port: ports.HTTP, path: '/never' }), 'no answer in 500 ms'],
  ['HTTP without a server', () => ({ port: ports.nobody, path: '/' }), expect.stringContaining('ECONNREFUSED')],
  ['HTTPS, whatever the certificate', () => ({ type: 'HTTPS', port: ports.HTTPS, path: '/200' }), undefined],
  ['HTTPS asked of who speaks HTTP', () => ({ type: 'HTTPS', port: ports.HTTP, path: '/200' }), expect.any(String)],
  ['TCP', () => ({ type: 'TCP', port: ports.TCP }), undefined],
  ['TCP without a server', () => ({ type: 'TCP', port: ports.nobody }), expect.stringContaining('ECONNREFUSED')],
  ['PING', () => ({ type: 'PING' }), undefined],
  ['PING where nobody is', () => ({ type: 'PING', address: '255.255.255.254' }), expect.any(String)],
])('%s', async (_title, more, want) => {
  await expect(ask(check(more()), NEVER)).resolves.toEqual(want);
});
