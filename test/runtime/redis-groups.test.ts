/** Redis with sentinels and Redis as a cluster, real ones: a master is lost, a slot moves, and neither a key nor an object is. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { type ContrailClient, createContrailClient } from '../../contrail/client.ts';
import { readStatus } from '../../workers/status.ts';
import { createLogger } from '../../runtime/log.ts';
import { createRedis } from '../../runtime/redis.ts';
import { createQueue, type KeyQueue } from '../../workers/queue.ts';
import { startServer } from '../contrail/server/support.ts';
import { type RedisCluster, startRedisCluster, startSentinelGroup } from '../redis-group.ts';

// Generous: these limits only end what has failed, also on a machine with much else to do.
jest.setTimeout(180_000);

const log = createLogger('test', 'silent');
const TAG = '{opencontrail}';
const closers: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 120_000; !(await condition()); await sleep(20)) {
    if (Date.now() > end) throw new Error('the condition never came true');
  }
}

const turnOf = (key: string) => ({ flow: key.split('/')[1] ?? '', cost: 1 });

/** A queue whose keys are noted in `ran` as they run. */
function open(url: string): { readonly queue: KeyQueue; readonly ran: Set<string> } {
  const ran = new Set<string>();
  const queue = createQueue({ name: 'live', log, turnOf, connect: () => createRedis(url) });
  closers.push(() => queue.close());
  queue.work(async (key) => {
    await sleep(2);
    ran.add(key);
    return { kind: 'done' };
  }, 4);
  return { queue, ran };
}

async function configApi(redis: string): Promise<ContrailClient> {
  const server = await startServer(redis, { prefix: TAG });
  const client = createContrailClient({ endpoints: async () => [server.url] });
  closers.push(async () => {
    client.close();
    await server.close();
  });
  return client;
}

const uuidOf = (index: number): string => `00000000-0000-4000-8000-${index.toString().padStart(12, '0')}`;

async function createProject(client: ContrailClient, index: number): Promise<void> {
  const fq_name = ['default-domain', `project-${index}`];
  await client.create({ type: 'project', uuid: uuidOf(index), fq_name, parent_type: 'domain' });
}

/** As a worker does it: what failed is looked at and tried again, for as long as it takes. */
async function createAtLast(client: ContrailClient, index: number): Promise<void> {
  await until(async () => {
    try {
      if ((await client.read('project', uuidOf(index))) === undefined) await createProject(client, index);
      return true;
    } catch {
      return false;
    }
  });
}

const projects = async (client: ContrailClient): Promise<number> =>
  (await client.list('project')).filter(({ uuid }) => uuid.startsWith('00000000-0000-4000-8000-')).length;

const events = (count: number, from = 0): readonly string[] =>
  Array.from({ length: count }, (_, index) => `Pod/n${index % 7}/${from + index}`);

test('sentinels: the queue and the config API go on with the replica when the master is killed with -9', async () => {
  const group = await startSentinelGroup();
  closers.push(group.stop);
  const { queue, ran } = open(group.url);
  const client = await configApi(group.url);
  for (let index = 0; index < 20; index += 1) await createProject(client, index);
  const { epoch } = await readStatus(client);
  queue.enqueue(events(600));
  await until(() => ran.size > 50);
  await group.servers[0]?.kill();
  queue.enqueue(events(600, 600));
  await group.failedOver();
  for (let index = 20; index < 40; index += 1) await createAtLast(client, index);
  await until(async () => (await projects(client)) === 40);
  expect((await readStatus(client)).epoch).toBe(epoch);
  // Replication is asynchronous: keys of the last moment may be lost with the master, and the resync finds them; all others run.
  queue.enqueue(events(1_200));
  await until(() => ran.size === 1_200);
});

async function startCluster(): Promise<RedisCluster> {
  const cluster = await startRedisCluster();
  closers.push(cluster.stop);
  return cluster;
}

describe('a cluster', () => {
  test('serves the queue while its slot moves to another master: no key is lost', async () => {
    const cluster = await startCluster();
    const { queue, ran } = open(cluster.url);
    queue.enqueue(events(300));
    await until(() => ran.size > 20);
    const moving = cluster.moveSlot(TAG, 20);
    queue.enqueue(events(300, 300));
    await moving;
    queue.enqueue(events(300, 600));
    await until(() => ran.size === 900);
    // Nothing is left behind at either end.
    await until(async () => {
      const { waiting, active, delayed } = await queue.state();
      return waiting + active + delayed === 0;
    });
  });

  test('serves the config API while its slot moves: nothing is ever missing, writes wait and are whole', async () => {
    const cluster = await startCluster();
    const client = await configApi(cluster.url);
    const empty = await readStatus(client);
    for (let index = 0; index < 60; index += 1) await createProject(client, index);
    const before = await readStatus(client);
    const move = new AbortController();
    const moved = cluster.moveSlot(TAG, 30).finally(() => move.abort());
    const counts: number[] = [];
    const reading = (async () => {
      while (!move.signal.aborted) counts.push(await projects(client));
    })();
    const writing = (async () => {
      for (let index = 60; index < 80; index += 1) await createAtLast(client, index);
    })();
    await Promise.all([moved, reading, writing]);
    expect(counts.length).toBeGreaterThan(3);
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(60);
    expect(await projects(client)).toBe(80);
    const after = await readStatus(client);
    expect(after.epoch).toBe(before.epoch);
    // A third as many projects, a third as many changes: none was written twice, or in part.
    expect(after.revision - before.revision).toBe((before.revision - empty.revision) / 3);
  });

  test('goes on with a replica when the master of the slot is killed with -9', async () => {
    const cluster = await startCluster();
    const { queue, ran } = open(cluster.url);
    const client = await configApi(cluster.url);
    for (let index = 0; index < 20; index += 1) await createProject(client, index);
    queue.enqueue(events(200));
    await until(() => ran.size > 20);
    await cluster.failOver(TAG);
    for (let index = 20; index < 30; index += 1) await createAtLast(client, index);
    expect(await projects(client)).toBe(30);
    queue.enqueue(events(400));
    await until(() => ran.size === 400);
  });
});
