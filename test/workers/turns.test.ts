/** Fair turns against a real Redis: who is next when one namespace has thousands of keys waiting. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createLogger } from '../../runtime/log.ts';
import { createRedis } from '../../runtime/redis.ts';
import type { SlimPod } from '../../kubernetes/objects.ts';
import { createQueue, type KeyQueue } from '../../workers/queue.ts';
import type { Outcome } from '../../workers/queue-worker.ts';
import { turnOf } from '../../workers/turn.ts';
import { startRedis, type TestRedis } from '../redis.ts';

// Generous: these limits only end what has failed, also on a machine with much else to do.
jest.setTimeout(120_000);

const DONE: Outcome = { kind: 'done' };
const log = createLogger('test', 'silent');

let redis: TestRedis;
let queue: KeyQueue;
/** Pods that wait for a port, `namespace/name`. */
let waitingPods: Set<string>;
let ran: string[];

beforeEach(async () => {
  redis = await startRedis();
  waitingPods = new Set();
  ran = [];
  const pods = { get: (name: string) => (waitingPods.has(name) ? waitingPod(name) : undefined) };
  queue = createQueue({
    name: 'live',
    log,
    connect: () => createRedis(redis.url),
    // Of the reflector only this is asked.
    turnOf: (key) => turnOf(key, { pods } as unknown as Parameters<typeof turnOf>[1]),
  });
});

afterEach(async () => {
  await queue.close();
  await redis.stop();
});

function waitingPod(name: string): SlimPod {
  return { uid: name, nodeName: 'n1', phase: 'Pending', annotations: {} } as unknown as SlimPod;
}

const keys = (prefix: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`);

async function enqueue(given: readonly string[]): Promise<void> {
  queue.enqueue(given);
  await queue.flushed();
}

function work(): void {
  queue.work(async (key) => {
    ran.push(key);
    return DONE;
  }, 1);
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 100_000; !(await condition()); await sleep(5)) {
    if (Date.now() > end) throw new Error(`the condition never came true; ${ran.length} keys have run`);
  }
}

const untilRan = async (count: number): Promise<void> => await until(() => ran.length >= count);

test('5,000 pods of one namespace do not delay a single pod of another by a second', async () => {
  for (const key of keys('Pod/flood/', 5_000)) waitingPods.add(key.slice('Pod/'.length));
  waitingPods.add('single/pod');
  await enqueue(keys('Pod/flood/', 5_000));
  // As slow as a run against a busy config API: the flood as a whole takes more than half a minute.
  const started = new Map<string, number>();
  queue.work(async (key) => {
    ran.push(key);
    started.set(key, performance.now());
    await sleep(50);
    return DONE;
  }, 8);
  await untilRan(100);
  const asked = performance.now();
  await enqueue(['Pod/single/pod']);
  await until(() => started.has('Pod/single/pod'));
  expect((started.get('Pod/single/pod') ?? 0) - asked).toBeLessThan(1_000);
  // It has overtaken nearly all of the flood.
  expect(ran.indexOf('Pod/single/pod')).toBeLessThan(1_000);
});

test('without turns it waits for all of them (why there are turns)', async () => {
  const plain = createQueue({ name: 'plain', log, connect: () => createRedis(redis.url) });
  plain.enqueue([...keys('Pod/flood/', 500), 'Pod/single/pod']);
  await plain.flushed();
  plain.work(async (key) => {
    ran.push(key);
    return DONE;
  }, 1);
  await untilRan(501);
  expect(ran.indexOf('Pod/single/pod')).toBe(500);
  await plain.close();
});

test('two floods share the queue, the later one from its first key on', async () => {
  await enqueue(keys('Service/first/', 500));
  await enqueue(keys('Service/second/', 200));
  work();
  await untilRan(200);
  const shares = [...ran].slice(0, 200).filter((key) => key.startsWith('Service/second/')).length;
  expect(shares).toBeGreaterThanOrEqual(98);
  expect(shares).toBeLessThanOrEqual(102);
});

describe('a pod that waits for its port', () => {
  test('goes before what is ordinary, of its own namespace too', async () => {
    await enqueue(keys('Pod/busy/', 1_000));
    waitingPods.add('busy/new');
    await enqueue(['Pod/busy/new']);
    work();
    await untilRan(3);
    expect(ran.slice(0, 2)).toContain('Pod/busy/new');
  });

  test('moves forward when its key waited for something ordinary before', async () => {
    await enqueue([...keys('Pod/busy/', 500), 'Pod/busy/again']);
    // Its predecessor's end was waiting; now the pod is there again, under the same name.
    waitingPods.add('busy/again');
    await enqueue(['Pod/busy/again']);
    work();
    await untilRan(501);
    expect(ran.indexOf('Pod/busy/again')).toBeLessThan(3);
    expect(ran).toHaveLength(501);
  });

  test('leaves a turn in five to what is ordinary', async () => {
    for (const key of keys('Pod/flood/', 400)) waitingPods.add(key.slice('Pod/'.length));
    await enqueue(keys('Pod/flood/', 400));
    await enqueue(keys('Service/other/', 400));
    work();
    await untilRan(100);
    const ordinary = ran.slice(0, 100).filter((key) => key.startsWith('Service/')).length;
    expect(ordinary).toBeGreaterThanOrEqual(18);
    expect(ordinary).toBeLessThanOrEqual(22);
  });
});

test('a key that fails again and again takes its turns like any other', async () => {
  let failures = 0;
  const order: string[] = [];
  await enqueue([...keys('Pod/failing/', 50)]);
  queue.work(async (key) => {
    order.push(key);
    await sleep(2);
    if (!key.startsWith('Pod/failing/')) return DONE;
    failures += 1;
    throw new Error('Contrail refuses the connection');
  }, 1);
  await until(() => failures >= 100);
  order.length = 0;
  await enqueue(keys('Pod/healthy/', 50));
  await until(() => order.filter((key) => key.startsWith('Pod/healthy/')).length === 50);
  // Half of the turns at most, but for what ran already when the healthy ones came.
  expect(order.filter((key) => key.startsWith('Pod/failing/')).length).toBeLessThanOrEqual(55);
});

test('what waits and how long is told, retries left out', async () => {
  await enqueue(keys('Pod/a/', 30));
  await sleep(300);
  const { waiting, oldestSeconds } = await queue.state();
  expect(waiting).toBe(30);
  expect(oldestSeconds).toBeGreaterThanOrEqual(0.3);
  expect(oldestSeconds).toBeLessThan(10);
  queue.work(async () => {
    throw new Error('Contrail is away');
  }, 30);
  await until(async () => (await queue.state()).waiting === 0);
  await sleep(300);
  expect((await queue.state()).oldestSeconds).toBe(0);
});
