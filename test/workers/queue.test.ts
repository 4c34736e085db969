/** The queue against a real Redis: each way in which the obvious BullMQ construction loses, doubles or delays a key. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Queue, Worker } from 'bullmq';
import type { ContrailClient } from '../../contrail/client.ts';
import { TerminalError } from '../../runtime/errors.ts';
import { createLogger } from '../../runtime/log.ts';
import { createRedis } from '../../runtime/redis.ts';
import { startHeartbeat } from '../../workers/heartbeat.ts';
import { createQueue, type KeyQueue } from '../../workers/queue.ts';
import type { Outcome, QueueTiming, Run } from '../../workers/queue-worker.ts';
import { joinBoth, startRelay } from '../relay.ts';
import { startRedis, type TestRedis } from '../redis.ts';

// Generous: these limits only end what has failed, also on a machine with much else to do.
jest.setTimeout(120_000);

const DONE: Outcome = { kind: 'done' };
const HANGING_WORKER = fileURLToPath(new URL('hanging-worker.ts', import.meta.url));
const log = createLogger('test', 'silent');

let redis: TestRedis;
const queues: KeyQueue[] = [];

beforeEach(async () => {
  redis = await startRedis();
});

afterEach(async () => {
  await Promise.all(queues.splice(0).map((queue) => queue.close()));
  await redis.stop();
});

function open(timing: Partial<QueueTiming> = {}, name = 'live'): KeyQueue {
  const queue = createQueue({ name, log, timing, connect: () => createRedis(redis.url) });
  queues.push(queue);
  return queue;
}

/** Waits until `condition` holds; the limit is generous and only ends a test that has failed. */
async function until(condition: () => boolean | Promise<boolean>, limitMs = 20_000): Promise<void> {
  for (const end = Date.now() + limitMs; !(await condition()); await sleep(10)) {
    if (Date.now() > end) throw new Error('the condition never came true');
  }
}

describe('an event that comes while its key runs', () => {
  test('causes exactly one more run, however many come', async () => {
    const queue = open();
    const gate = Promise.withResolvers<void>();
    let runs = 0;
    queue.work(async () => {
      runs += 1;
      if (runs === 1) await gate.promise;
      return DONE;
    }, 4);
    queue.enqueue(['Pod/a/b']);
    await until(() => runs === 1);
    for (let event = 0; event < 5; event += 1) {
      queue.enqueue(['Pod/a/b']);
      await queue.flushed();
    }
    gate.resolve();
    await until(() => runs === 2);
    await until(async () => (await queue.state()).active === 0);
    expect(runs).toBe(2);
  });

  test('is lost by plain deduplication (why the options are what they are)', async () => {
    const connection = { url: redis.url, maxRetriesPerRequest: null };
    const plain = new Queue('plain', { connection });
    const gate = Promise.withResolvers<void>();
    let runs = 0;
    const worker = new Worker(
      'plain',
      async () => {
        runs += 1;
        await gate.promise;
      },
      { connection },
    );
    await plain.add('k', {}, { deduplication: { id: 'k' } });
    await until(() => runs === 1);
    await plain.add('k', {}, { deduplication: { id: 'k' } });
    gate.resolve();
    await until(async () => (await plain.getActiveCount()) === 0);
    expect([runs, await plain.getWaitingCount()]).toEqual([1, 0]);
    await worker.close();
    await plain.close();
  });

  test('runs at once when that run fails, instead of after the back-off', async () => {
    const queue = open({ longestBackoffMs: 600_000 });
    const gate = Promise.withResolvers<void>();
    const results: string[] = [];
    let fails = true;
    queue.work(async () => {
      if (!fails) {
        results.push('good');
        return DONE;
      }
      if (results.push('bad') === 1) await gate.promise;
      throw new Error('Contrail is away');
    }, 1);
    queue.enqueue(['Pod/a/b']);
    await until(() => results.length === 1);
    queue.enqueue(['Pod/a/b']);
    await queue.flushed();
    fails = false;
    gate.resolve();
    await until(() => results.includes('good'), 5_000);
  });
});

test('an event ends the back-off of a key that keeps failing', async () => {
  const queue = open({ longestBackoffMs: 600_000 });
  let healthy = false;
  let succeeded = false;
  queue.work(async () => {
    if (!healthy) throw new Error('Contrail is away');
    succeeded = true;
    return DONE;
  }, 1);
  queue.enqueue(['Pod/a/b']);
  // Wait for a back-off that is longer than this test's patience.
  await until(async () => {
    const { delayed } = await queue.state();
    if (delayed === 1) await sleep(50);
    return delayed === 1;
  });
  healthy = true;
  queue.enqueue(['Pod/a/b']);
  await until(() => succeeded, 5_000);
});

test('"not yet" comes back by itself, and sooner with an event', async () => {
  const queue = open();
  let runs = 0;
  let retryAfterMs = 20;
  queue.work(async () => {
    runs += 1;
    return { kind: 'notYet', retryAfterMs, missing: 'its namespace' };
  }, 1);
  queue.enqueue(['Pod/a/b']);
  await until(() => runs >= 3);
  retryAfterMs = 600_000;
  const before = runs;
  await until(async () => runs > before && (await queue.state()).delayed === 1);
  const settled = runs;
  queue.enqueue(['Pod/a/b']);
  await until(() => runs === settled + 1, 5_000);
});

test('a key is free again after a terminal error', async () => {
  const queue = open();
  let runs = 0;
  queue.work(async () => {
    runs += 1;
    if (runs === 1) throw new TerminalError('NoSuchNetwork', 'the network does not exist');
    return DONE;
  }, 1);
  queue.enqueue(['Pod/a/b']);
  await until(async () => {
    const { waiting, active, delayed } = await queue.state();
    return runs === 1 && waiting + active + delayed === 0;
  });
  queue.enqueue(['Pod/a/b']);
  await until(() => runs === 2, 5_000);
});

test('one key never runs twice at once, and no last event goes unseen, with three workers and failures', async () => {
  const consumers = [open(), open(), open()];
  const [first, second] = [open(), open()];
  const running = new Set<string>();
  const version = new Map<string, number>();
  const seen = new Map<string, number>();
  let overlaps = 0;
  const run: Run = async (key) => {
    if (running.has(key)) overlaps += 1;
    running.add(key);
    const current = version.get(key) ?? 0;
    await sleep(1 + Math.random() * 3);
    running.delete(key);
    if (Math.random() < 0.1) throw new Error('at random');
    seen.set(key, current);
    return DONE;
  };
  for (const consumer of consumers) consumer.work(run, 8);
  for (let event = 0; event < 1500; event += 1) {
    const key = `Pod/a/${event % 20}`;
    version.set(key, (version.get(key) ?? 0) + 1);
    (event % 2 === 0 ? first : second)?.enqueue([key]);
    if (event % 50 === 0) await sleep(1);
  }
  await until(() => [...version].every(([key, current]) => seen.get(key) === current));
  expect(overlaps).toBe(0);
});

describe('a worker that dies in the middle of a key', () => {
  const timing = { lockMs: 400, stalledCheckMs: 200 };

  test('loses it to another one, also for the second time', async () => {
    // BullMQ's default gives the key up when its second worker dies.
    const queue = open(timing);
    queue.enqueue(['Pod/a/b']);
    for (let crash = 0; crash < 2; crash += 1) {
      const child = spawn(process.execPath, ['--no-warnings', HANGING_WORKER, redis.url, JSON.stringify(timing)]);
      await once(child.stdout, 'data');
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    let finished = 0;
    open(timing).work(async () => {
      finished += 1;
      return DONE;
    }, 1);
    await until(() => finished === 1);
  });

  test('loses it within ten seconds of a kill -9, as workers are timed in production', async () => {
    const queue = open();
    const took = Promise.withResolvers<number>();
    const child = spawn(process.execPath, ['--no-warnings', HANGING_WORKER, redis.url, '{}']);
    queue.enqueue(['Pod/a/b']);
    await once(child.stdout, 'data');
    open().work(async () => {
      took.resolve(performance.now());
      return DONE;
    }, 1);
    child.kill('SIGKILL');
    const killed = performance.now();
    expect((await took.promise) - killed).toBeLessThan(10_000);
  });

  test('is told to stop writing when it was only asleep', async () => {
    const sleeper = open(timing);
    const aborted = Promise.withResolvers<void>();
    let starts = 0;
    sleeper.work(async (_key, signal) => {
      starts += 1;
      signal.addEventListener('abort', () => aborted.resolve());
      await aborted.promise;
      throw new Error('stopped');
    }, 1);
    sleeper.enqueue(['Pod/a/b']);
    await until(() => starts === 1);
    // Its lock is gone, as after a stall longer than the lock's life.
    const client = createRedis(redis.url);
    await until(async () => (await client.keys('{opencontrail}:live:*:lock')).length === 1);
    await client.del(...(await client.keys('{opencontrail}:live:*:lock')));
    client.disconnect();
    await aborted.promise;
  });
});

test('keys noted while Redis is away arrive when it is back', async () => {
  const queue = open();
  const done = new Set<string>();
  queue.work(async (key) => {
    done.add(key);
    return DONE;
  }, 4);
  queue.enqueue(['Pod/a/before']);
  await until(() => done.has('Pod/a/before'));
  await redis.kill();
  for (let event = 0; event < 100; event += 1) queue.enqueue([`Pod/a/${event % 10}`]);
  await sleep(200);
  await redis.restart();
  await until(() => done.size === 11);
});

test('a connection that has silently died is noticed, and nothing is lost with it', async () => {
  const proxy = await startRelay(redis.url, joinBoth);
  const queue = createQueue({ name: 'live', log, connect: () => createRedis(`redis://127.0.0.1:${proxy.port}/0`) });
  queues.push(queue);
  const done = new Set<string>();
  queue.work(async (key) => {
    done.add(key);
    return DONE;
  }, 4);
  queue.enqueue(['Pod/a/before']);
  await until(() => done.has('Pod/a/before'));
  proxy.silence();
  queue.enqueue(['Pod/a/during']);
  // Without a limit of silence this takes what TCP takes: more than 75 s.
  await until(() => done.has('Pod/a/during'), 45_000);
  await Promise.all(queues.splice(0).map((each) => each.close()));
  await proxy.close();
});

test('an emptied Redis is noticed, and every key is run again', async () => {
  const client = createRedis(redis.url);
  const queue = open();
  const runs: string[] = [];
  queue.work(async (key) => {
    runs.push(key);
    return DONE;
  }, 1);
  const stop = new AbortController();
  let lost = 0;
  startHeartbeat({
    contrail: { raw: async () => ({ epoch: 'e', state: 'ready', revision: 1 }) } as unknown as ContrailClient,
    redis: client,
    intervalMs: 20,
    signal: stop.signal,
    log,
    onDatabase: () => undefined,
    onQueueLost: () => {
      lost += 1;
      queue.enqueue(['Pod/a/b']);
    },
  });
  await until(async () => (await client.exists('{opencontrail}:queue-mark')) === 1);
  await sleep(100);
  expect(lost).toBe(0);
  await client.flushall();
  await until(() => runs.length === 1);
  expect(lost).toBe(1);
  stop.abort();
  client.disconnect();
});

test('the same schedule from two replicas is one', async () => {
  const [first, second] = [open(), open()];
  await first.every('Prune', 300);
  await second.every('Prune', 300);
  const starts = startsOf(first, second);
  await until(() => starts.length >= 4);
  const span = (starts.at(-1) ?? 0) - (starts[0] ?? 0);
  expect(span / (starts.length - 1)).toBeGreaterThan(150);
});

test('what is wanted after the last of several replicas has come is run once, then', async () => {
  const [first, second] = [open(), open()];
  const starts = startsOf(first, second);
  await first.after('Resync', 1000);
  await sleep(600);
  const last = Date.now();
  await second.after('Resync', 1000);
  await until(() => starts.length > 0);
  await sleep(1200);
  expect(starts).toHaveLength(1);
  expect((starts[0] ?? 0) - last).toBeGreaterThanOrEqual(990);
});

/** When keys of these queues are run. */
function startsOf(...some: readonly KeyQueue[]): readonly number[] {
  const starts: number[] = [];
  for (const queue of some)
    queue.work(async () => {
      starts.push(Date.now());
      return DONE;
    }, 1);
  return starts;
}

test('closing waits for the running key', async () => {
  const queue = open();
  const gate = Promise.withResolvers<void>();
  let finished = false;
  let started = false;
  queue.work(async () => {
    started = true;
    await gate.promise;
    finished = true;
    return DONE;
  }, 1);
  queue.enqueue(['Pod/a/b']);
  await until(() => started);
  const closing = queues.splice(0)[0]?.close();
  await sleep(50);
  gate.resolve();
  await closing;
  expect(finished).toBe(true);
});
