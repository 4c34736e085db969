/** An operator's wish that keys be run: over real HTTP, from loopback alone. */
import { networkInterfaces } from 'node:os';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { serveHealth } from '../../runtime/health.ts';
import { createLogger } from '../../runtime/log.ts';
import { createRegistry } from '../../runtime/metrics.ts';
import { acceptKeys } from '../../workers/accept-keys.ts';

let server: Awaited<ReturnType<typeof serveHealth>>;
let forgotten: string[];
let enqueued: string[];
let doubted: string[];

beforeEach(async () => {
  forgotten = [];
  enqueued = [];
  doubted = [];
  const further = acceptKeys({
    digests: { forget: async (key) => void forgotten.push(key) },
    uids: { doubt: async (namespaces) => void doubted.push(...namespaces) },
    enqueue: (keys) => void enqueued.push(...keys),
    log: createLogger('test', 'silent'),
  });
  server = await serveHealth({ host: '0.0.0.0', port: 0 }, { checks: [], registry: createRegistry(), further });
});
afterEach(() => new Promise<void>((resolve) => server.close(() => resolve())));

const post = async (host: string, body: unknown) => {
  const { port } = server.address() as AddressInfo;
  const response = await fetch(`http://${host}:${port}/keys`, { method: 'POST', body: JSON.stringify(body) });
  return { status: response.status, text: await response.text() };
};

test('keys from loopback are run whether or not their input has changed, and predecessors are sought', async () => {
  const keys = ['Pod/a/x', 'Namespace/a'];
  expect(await post('127.0.0.1', { keys })).toEqual({ status: 202, text: '{"enqueued":2}' });
  expect({ forgotten, enqueued, doubted }).toEqual({ forgotten: keys, enqueued: keys, doubted: ['a'] });
});

test('what is no key is refused as a whole, and named', async () => {
  const { status, text } = await post('127.0.0.1', { keys: ['Pod/a/x', 'Prune'] });
  expect({ status, enqueued }).toEqual({ status: 400, enqueued: [] });
  expect(text).toContain('is no key');
});

test('another machine is refused', async () => {
  const own = Object.values(networkInterfaces())
    .flat()
    .find((address) => address?.family === 'IPv4' && !address.internal)?.address;
  if (own === undefined) return; // A machine without a network has nobody to refuse.
  expect((await post(own, { keys: ['Pod/a/x'] })).status).toBe(403);
  expect(enqueued).toEqual([]);
});

test('probes are answered as before', async () => {
  const { port } = server.address() as AddressInfo;
  expect(await (await fetch(`http://127.0.0.1:${port}/healthz`)).text()).toBe('ok\n');
  expect((await fetch(`http://127.0.0.1:${port}/keys`)).status).toBe(404);
});
