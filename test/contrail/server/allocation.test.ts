/** Addresses and numbers: never twice, whoever asks and however often; in the real server's order. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ContrailClient } from '../../../contrail/client.ts';
import { loadSchema } from '../../../contrail/schema.ts';
import { formatAddress } from '../../../contrail/server/addresses/ip.ts';
import { createClock } from '../../../contrail/server/clock.ts';
import { HttpError } from '../../../contrail/server/errors.ts';
import { layStartObjects } from '../../../contrail/server/start.ts';
import { createStore } from '../../../contrail/server/store/store.ts';
import { transact } from '../../../contrail/server/store/transact.ts';
import { type Servers, startServers, useRedis } from './bed.ts';
import { createBase, createNetwork, createPod, inProject } from './world.ts';

/** Addresses wrap around, as the script's words do. */
const LIMIT = 1n << 128n;

let started: Servers;
// Before Redis goes: hooks run in the order in which they stand.
afterAll(async () => await started.close());
const redis = useRedis();
let clients: Servers['clients'];
let client: ContrailClient;

beforeAll(async () => {
  started = await startServers(redis.url, 2);
  ({ clients } = started);
  client = clients[0]!;
});

beforeEach(async () => {
  await redis.raw.flushall();
});

const newAddress = (through: ContrailClient, name: string, fields: Record<string, unknown> = {}): Promise<string> =>
  through.create({ type: 'instance-ip', fq_name: [name], virtual_network_refs: [{ to: inProject('net') }], ...fields });

const textOf = async (uuid: string): Promise<string> =>
  String((await client.read('instance-ip', uuid))?.['instance_ip_address']);

async function userNetwork(subnet: Record<string, unknown>): Promise<string> {
  await client.create({ type: 'project', fq_name: ['default-domain', 'p'], parent_type: 'domain' });
  await client.create({ type: 'network-ipam', fq_name: inProject('ipam'), parent_type: 'project' });
  const attr = { ipam_subnets: [subnet] };
  return client.create({
    type: 'virtual-network',
    fq_name: inProject('net'),
    parent_type: 'project',
    network_ipam_refs: [{ to: inProject('ipam'), attr }],
  });
}

describe('addresses', () => {
  test('are never given twice by two servers asked at once', async () => {
    await createBase(client);
    await createNetwork(client, 'net');
    const uuids = await Promise.all(
      Array.from({ length: 600 }, (_, index) => newAddress(clients[index % 2]!, `ip-${index}`)),
    );
    const addresses = await client.list('instance-ip', { detail: true });
    expect(addresses).toHaveLength(uuids.length);
    expect(new Set(addresses.map((each) => each['instance_ip_address'])).size).toBe(uuids.length);
  });

  test('run out exactly once: 12 of the 16 in a /28 are given, all others are refused', async () => {
    await userNetwork({ subnet: { ip_prefix: '10.9.0.0', ip_prefix_len: 28 } });
    const results = await Promise.allSettled(
      Array.from({ length: 30 }, (_, index) => newAddress(clients[index % 2]!, `ip-${index}`)),
    );
    // Sixteen but the network, the broadcast, the gateway and the DNS address.
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(12);
    const refused = results.find((result) => result.status === 'rejected');
    expect(String(refused?.status === 'rejected' && refused.reason)).toContain(
      "Virtual-Network(['default-domain', 'p', 'net']) has exhausted subnet([])",
    );
  });

  test('come from the highest down, and a freed one comes first', async () => {
    await createBase(client);
    await createNetwork(client, 'net');
    const [first, second] = [await newAddress(client, 'a'), await newAddress(client, 'b')];
    expect([await textOf(first), await textOf(second)]).toEqual(['10.47.255.252', '10.47.255.251']);
    await client.delete('instance-ip', first);
    expect(await textOf(await newAddress(client, 'c'))).toBe('10.47.255.252');
  });

  test('of a flat ipam are shared by its networks', async () => {
    await createBase(client);
    await createNetwork(client, 'net');
    await createNetwork(client, 'other');
    const a = await newAddress(client, 'a');
    const b = await newAddress(client, 'b', { virtual_network_refs: [{ to: inProject('other') }] });
    expect(await textOf(a)).not.toBe(await textOf(b));
  });

  test('of IPv6 are given from the top of a /64 too, requested ones skipped, freed ones first', async () => {
    await userNetwork({ subnet: { ip_prefix: 'fd00:1::', ip_prefix_len: 64 } });
    const requested = 'fd00:1::ffff:ffff:ffff:fffb';
    await newAddress(client, 'r', { instance_ip_address: requested });
    const first = await newAddress(client, 'a');
    expect(await textOf(first)).toBe('fd00:1::ffff:ffff:ffff:fffc');
    expect(await textOf(await newAddress(client, 'b'))).toBe('fd00:1::ffff:ffff:ffff:fffa');
    await client.delete('instance-ip', first);
    expect(await textOf(await newAddress(client, 'c'))).toBe('fd00:1::ffff:ffff:ffff:fffc');
    await expect(newAddress(client, 'd', { instance_ip_address: requested })).rejects.toMatchObject({ status: 409 });
  });

  test.each([
    [false, 'fd00:2::210', 'fd00:2::211', ['fd00:2::211', 'fd00:2::210']],
    [true, 'fd00:2::210', 'fd00:2::211', ['fd00:2::210', 'fd00:2::211']],
    [
      false,
      'fd00:2::ffff:ffff:ffff:10',
      'fd00:2::ffff:ffff:ffff:11',
      ['fd00:2::ffff:ffff:ffff:11', 'fd00:2::ffff:ffff:ffff:10'],
    ],
    [
      true,
      'fd00:2::ffff:ffff:ffff:10',
      'fd00:2::ffff:ffff:ffff:11',
      ['fd00:2::ffff:ffff:ffff:10', 'fd00:2::ffff:ffff:ffff:11'],
    ],
  ])(
    'of a pool at either end of a /64 are its own (from the start: %s, from %s)',
    async (fromStart, start, end, wanted) => {
      await userNetwork({
        subnet: { ip_prefix: 'fd00:2::', ip_prefix_len: 64 },
        addr_from_start: fromStart,
        allocation_pools: [{ start, end }],
      });
      const first = await newAddress(client, 'first');
      expect([await textOf(first), await textOf(await newAddress(client, 'second'))]).toEqual(wanted);
      await expect(newAddress(client, 'none')).rejects.toMatchObject({ status: 400 });
      await client.delete('instance-ip', first);
      expect(await textOf(await newAddress(client, 'again'))).toBe(wanted[0]);
    },
  );

  test('that are requested far away do not cost memory in a /64', async () => {
    await userNetwork({ subnet: { ip_prefix: 'fd00:1::', ip_prefix_len: 64 } });
    const uuid = await newAddress(client, 'low', { instance_ip_address: 'fd00:1::5' });
    expect(await textOf(uuid)).toBe('fd00:1::5');
    expect(Number(/used_memory:(\d+)/.exec(await redis.raw.info('memory'))?.[1])).toBeLessThan(64 << 20);
  });

  test('survive in a pool with holes: pools are used from the highest down', async () => {
    const pools = [
      { start: '10.9.0.4', end: '10.9.0.5' },
      { start: '10.9.0.9', end: '10.9.0.9' },
    ];
    await userNetwork({ subnet: { ip_prefix: '10.9.0.0', ip_prefix_len: 24 }, allocation_pools: pools });
    const given = [];
    for (const name of ['a', 'b', 'c']) given.push(await textOf(await newAddress(client, name)));
    expect(given).toEqual(['10.9.0.9', '10.9.0.5', '10.9.0.4']);
    await expect(newAddress(client, 'd')).rejects.toMatchObject({ status: 400 });
  });

  test('keep a subnet from being removed while one is in use, and let it go afterwards', async () => {
    const network = await userNetwork({ subnet: { ip_prefix: '10.9.0.0', ip_prefix_len: 24 } });
    const uuid = await newAddress(client, 'a');
    const removal = { network_ipam_refs: [{ to: inProject('ipam'), attr: { ipam_subnets: [] } }] };
    await expect(client.update('virtual-network', network, removal)).rejects.toMatchObject({
      status: 409,
      message: 'Cannot Delete IP Block, IP(10.9.0.252) is in use',
    });
    await client.delete('instance-ip', uuid);
    await client.update('virtual-network', network, removal);
  });

  test('leave nothing behind in Redis when everything is deleted', async () => {
    const before = await redis.raw.dbsize();
    await createBase(client);
    const network = await createNetwork(client, 'net');
    const keys = new Set(await redis.raw.keys('*'));
    const { machine, port, address } = await createPod(client, 'pod', 'net');
    await client.delete('instance-ip', address);
    await client.delete('virtual-machine-interface', port);
    await client.delete('virtual-machine', machine);
    const left = (await redis.raw.keys('*')).filter((key) => !keys.has(key));
    expect(left).toEqual([]);
    await client.delete('virtual-network', network);
    expect((await redis.raw.keys('*ip:*')).filter((key) => key.includes(network))).toEqual([]);
    expect(before).toBeGreaterThanOrEqual(0);
  });

  test('are written by the script as the library writes them', async () => {
    const schema = loadSchema();
    const store = createStore({ redis: redis.raw, schema, prefix: 'lua', logLength: 10 });
    const deps = { store, schema, now: createClock() };
    await layStartObjects(deps, 'ready');
    const words = fc.array(fc.oneof(fc.constant(0), fc.constant(0xffff), fc.integer({ min: 0, max: 0xffff })), {
      minLength: 8,
      maxLength: 8,
    });
    const cases = fc.sample(
      fc.tuple(words, fc.integer({ min: 0, max: 2 ** 40 }), fc.constantFrom(1, -1, 256, -4)),
      300,
    );
    const wanted = cases.map(([parts, unit, step]) => {
      const value = parts.reduce((sum, word) => (sum << 16n) | BigInt(word), 0n) + BigInt(step) * BigInt(unit);
      return formatAddress(6, ((value % LIMIT) + LIMIT) % LIMIT);
    });
    const { addresses } = await transact({ ...deps, ensureDatabase: async () => undefined }, async (tx) => {
      const failure = { taken: new HttpError(409, ''), exhausted: new HttpError(400, '') };
      for (const [index, [base, unit, step]] of cases.entries()) {
        const candidate = {
          key: `k${index}`,
          sparse: true,
          ranges: [{ from: unit, to: unit }],
          family: 6 as const,
          base,
          step,
          subnetUuid: '',
        };
        tx.allocate({ candidates: [candidate] }, failure);
      }
    });
    expect(addresses).toEqual(wanted);
  });
});

describe('numbers of networks', () => {
  test('are the lowest free ones, distinct for networks made at once, and come back after a deletion', async () => {
    await createBase(client);
    const uuids = await Promise.all(
      Array.from({ length: 20 }, (_, index) => createNetwork(clients[index % 2]!, `n${index}`)),
    );
    const networks = await client.list('virtual-network', { uuids, fields: ['virtual_network_network_id'] });
    const numbers = networks.map((each) => Number(each['virtual_network_network_id'])).sort((a, b) => a - b);
    expect(numbers).toEqual(Array.from({ length: 20 }, (_, index) => index + 5));
    const tenth = networks.find((each) => each['virtual_network_network_id'] === 10);
    await client.delete('virtual-network', tenth?.uuid ?? '');
    const again = await createNetwork(client, 'again');
    expect((await client.read('virtual-network', again))?.['virtual_network_network_id']).toBe(10);
  });
});
