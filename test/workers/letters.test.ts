/** Dead letters against a real Redis and over real HTTP: what does not get on is told with its reason, and runs when asked to. */
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { TerminalError } from '../../runtime/errors.ts';
import { serveHealth } from '../../runtime/health.ts';
import { createLogger } from '../../runtime/log.ts';
import { createRegistry } from '../../runtime/metrics.ts';
import { createRedis } from '../../runtime/redis.ts';
import { stuck, Told } from '../../cli/queue/letters.ts';
import { createQueue, type KeyQueue } from '../../workers/queue.ts';
import type { Outcome } from '../../workers/queue-worker.ts';
import { showQueue } from '../../workers/show-queue.ts';
import { startRedis, type TestRedis } from '../redis.ts';

// Generous: these limits only end what has failed, also on a machine with much else to do.
jest.setTimeout(60_000);

const log = createLogger('test', 'silent');
let redis: TestRedis;
let queue: KeyQueue;
let server: Awaited<ReturnType<typeof serveHealth>>;
/** What each key's next run comes to; done where nothing is said. */
const next = new Map<string, () => Outcome>();

beforeEach(async () => {
  redis = await startRedis();
  next.clear();
  queue = createQueue({ name: 'live', log, connect: () => createRedis(redis.url) });
  queue.work(async (key) => next.get(key)?.() ?? { kind: 'done' }, 4);
  server = await serveHealth(
    { host: '127.0.0.1', port: 0 },
    { checks: [], registry: createRegistry(), further: showQueue({ live: queue, resync: queue }) },
  );
});
afterEach(async () => {
  await new Promise<void>((resolve) => server.close(() => resolve()));
  await queue.close();
  await redis.stop();
});

async function told(): Promise<Told> {
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/queue`);
  return Told.parse(await response.json());
}

async function untilTold(condition: (told: Told) => boolean): Promise<Told> {
  for (const end = Date.now() + 30_000; ; await sleep(20)) {
    const now = await told();
    if (condition(now)) return now;
    if (Date.now() > end) throw new Error(JSON.stringify(now));
  }
}

const refuse = (message: string) => () => {
  throw new TerminalError('NoSuchNetwork', message);
};

test('a refused key is told with its reason and since when, until it has another outcome', async () => {
  next.set('Pod/a/b', refuse('there is no network blue; name one that exists'));
  const before = Date.now();
  queue.enqueue(['Pod/a/b']);
  const { queues, letters } = await untilTold((told) => told.letters.length === 1);
  expect(letters[0]).toMatchObject({
    key: 'Pod/a/b',
    state: 'refused',
    attempts: 1,
    reason: 'NoSuchNetwork: there is no network blue; name one that exists',
  });
  expect(letters[0]?.since).toBeGreaterThanOrEqual(before);
  expect(queues['live']).toMatchObject({ refused: 1, waiting: 0, delayed: 0 });

  queue.enqueue(['Pod/a/b']);
  const again = await untilTold((told) => told.letters[0]?.attempts === 2);
  expect(again.letters[0]?.since).toBe(letters[0]?.since);

  next.delete('Pod/a/b');
  queue.enqueue(['Pod/a/b']);
  await untilTold((told) => told.letters.length === 0);
});

test('a key that is tried in vain is told with the last error and the next try, and an enqueue is that try', async () => {
  let runs = 0;
  next.set('Service/a/b', () => {
    runs += 1;
    throw new Error('connect ECONNREFUSED 192.0.2.1:8082');
  });
  next.set('Pod/a/c', () => ({ kind: 'notYet', retryAfterMs: 600_000, missing: 'network default-domain:k8s-a:red' }));
  queue.enqueue(['Service/a/b', 'Pod/a/c']);
  const { letters } = await untilTold(({ letters }) => letters.length === 2 && runs >= 2);
  expect(letters.every(({ state, nextAt = 0 }) => state === 'retrying' && nextAt > Date.now() - 10_000)).toBe(true);
  expect(Object.fromEntries(letters.map(({ key, reason }) => [key, reason]))).toEqual({
    'Service/a/b': 'connect ECONNREFUSED 192.0.2.1:8082',
    'Pod/a/c': 'waiting for network default-domain:k8s-a:red',
  });
  next.clear();
  queue.enqueue(['Service/a/b', 'Pod/a/c']);
  await untilTold((told) => told.letters.length === 0);
});

test('a key that has only just begun to wait is not shown, a refused one is; another namespace’s are not', () => {
  const now = 1_000_000;
  const letter = { attempts: 1, reason: 'r' } as const;
  const young = { ...letter, key: 'Pod/a/young', state: 'retrying', since: now - 1_000 } as const;
  const old = { ...letter, key: 'Pod/a/old', state: 'retrying', since: now - 20_000 } as const;
  const refused = { ...letter, key: 'Namespace/b', state: 'refused', since: now } as const;
  const all = [young, old, refused];
  expect(stuck(all, { now, ageMs: 15_000, namespace: '' })).toEqual([old, refused]);
  expect(stuck(all, { now, ageMs: 15_000, namespace: 'b' })).toEqual([refused]);
});
