/** An older copy of the database that comes back: a Redis on another node's disk, a replica that was behind. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { DatabaseMemory, Remembered } from '../../../contrail/server/memory.ts';
import type { ConfigServer } from '../../../contrail/server/server.ts';
import { startRedis, type TestRedis } from '../../redis.ts';
import { ask, startServer } from './support.ts';

interface Status {
  readonly epoch: string;
  readonly state: string;
  readonly revision: number;
}

let redis: TestRedis;
let server: ConfigServer;
let remembered: Remembered | undefined;
let isReachable: boolean;
let tests = 0;

const memory: DatabaseMemory = {
  read: async () => {
    if (!isReachable) throw new Error('the API server does not answer');
    return remembered;
  },
  write: async (value) => {
    remembered = value;
  },
};

const start = async (): Promise<void> => {
  server = await startServer(redis.url, { initialState: 'rebuilding', memory, prefix: `{test${tests}}` });
};
const status = async (): Promise<Status> => (await ask(server.url, 'GET', '/embedded/status')).body as Status;
const domain = { domain: { fq_name: ['mine'], parent_type: 'config-root' } };

describe('an outdated database', () => {
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(async () => {
    await redis.stop();
  });
  beforeEach(async () => {
    tests += 1;
    remembered = undefined;
    isReachable = true;
    await start();
    const { epoch } = await status();
    expect((await ask(server.url, 'POST', '/embedded/ready', { body: { epoch } })).status).toBe(200);
    expect((await ask(server.url, 'POST', '/domains', { body: domain })).status).toBe(200);
  });
  afterEach(async () => {
    await server.close();
  });

  test('that is the newest is served again after a restart', async () => {
    const before = await status();
    await server.close();
    await start();
    expect(await status()).toEqual(before);
  });

  test('of another epoch is emptied and begins anew, rebuilding', async () => {
    const before = await status();
    await server.close();
    remembered = { epoch: 'a-newer-one', revision: 0 };
    await start();
    const after = await status();
    expect(after.state).toBe('rebuilding');
    expect(after.epoch).not.toBe(before.epoch);
    const found = await ask(server.url, 'POST', '/fqname-to-id', { body: { type: 'domain', fq_name: ['mine'] } });
    expect(found.status).toBe(404);
  });

  test('that has lost its tail is emptied too', async () => {
    const before = await status();
    await server.close();
    remembered = { epoch: before.epoch, revision: before.revision + 1 };
    await start();
    expect((await status()).state).toBe('rebuilding');
  });

  test('is not served while nobody can say whether it is one', async () => {
    await server.close();
    isReachable = false;
    const starting = start();
    await new Promise((resolve) => setTimeout(resolve, 300));
    isReachable = true;
    await starting;
    expect((await status()).state).toBe('ready');
  });

  test('is remembered as whole before anybody can see it ready', async () => {
    expect(remembered?.epoch).toBe((await status()).epoch);
  });
});
