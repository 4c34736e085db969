/** Ports of source translation, written to a real config API. */
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { type ContrailClient, ContrailError, createContrailClient } from '../../contrail/client.ts';
import type { GlobalVrouterConfig } from '../../contrail/objects.ts';
import { poolsOf, writePortPools } from '../../workers/port-pools.ts';
import { startServer } from '../contrail/server/support.ts';
import { startRedis, type TestRedis } from '../redis.ts';

jest.setTimeout(30_000);

const GLOBAL = ['default-global-system-config', 'default-global-vrouter-config'];
const USUAL = poolsOf('tcp:56000-57023,udp:57024-58047');

let redis: TestRedis;
let server: Awaited<ReturnType<typeof startServer>>;
let contrail: ContrailClient;
/** As the client of a controller, which has nothing to say of being embedded. */
let controller: ContrailClient;

beforeAll(async () => {
  redis = await startRedis();
  server = await startServer(redis.url);
  contrail = createContrailClient({ endpoints: async () => [server.url] });
  controller = { ...contrail, raw: async () => Promise.reject(new ContrailError(404, 'not found')) };
});

afterAll(async () => {
  contrail.close();
  await server.close();
  await redis.stop();
});

async function object(): Promise<GlobalVrouterConfig> {
  return (await contrail.readByName('global-vrouter-config', GLOBAL)) as GlobalVrouterConfig;
}

async function pools() {
  return (await object()).port_translation_pools?.port_translation_pool;
}

const write = async (client: ContrailClient, text: string): Promise<void> =>
  writePortPools({ contrail: client, settings: { snatPorts: poolsOf(text) ?? [] } });

beforeEach(async () => {
  await contrail.update('global-vrouter-config', (await object()).uuid, { port_translation_pools: null });
});

describe('the embedded config API', () => {
  test('is told none where the settings say none', async () => {
    await write(contrail, '');
    expect(await pools()).toBeUndefined();
  });

  test('has what the settings say, and is not written again', async () => {
    await write(contrail, 'tcp:40000-41000');
    expect(await pools()).toMatchObject([{ protocol: 'tcp', port_range: { start_port: 40_000, end_port: 41_000 } }]);
    const { id_perms: before } = await object();
    await write(contrail, 'tcp:40000-41000');
    expect((await object()).id_perms).toEqual(before);
    await write(contrail, 'udp:1024-2047');
    expect(await pools()).toMatchObject([{ protocol: 'udp' }]);
  });
});

describe('a controller', () => {
  test('is given the usual ones where it has none', async () => {
    await write(controller, '');
    expect(await pools()).toMatchObject(USUAL ?? []);
  });

  test('keeps its own', async () => {
    await write(contrail, 'tcp:40000-41000');
    await write(controller, 'tcp:50000-51000');
    expect(await pools()).toMatchObject([{ port_range: { start_port: 40_000 } }]);
  });
});

test.each(['tcp', 'tcp:1', 'tcp:5-4', 'tcp:0-9', 'tcp:1-70000', 'icmp:1-2', 'tcp:1-2 udp:3-4'])(
  '%s is no list of pools',
  (text) => expect(poolsOf(text)).toBeUndefined(),
);
