/**
 * Allocation against a model that shares nothing with it: a plain list of addresses in the order in which they are given, and
 * who has which. Random histories of taking, asking for one, giving back and taking over run through two servers on one Redis.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type ContrailClient, ContrailError, createContrailClient } from '../../../contrail/client.ts';
import type { ConfigServer } from '../../../contrail/server/server.ts';
import { createRedis, type Redis } from '../../../runtime/redis.ts';
import { startRedis, type TestRedis } from '../../redis.ts';
import { startServer } from './support.ts';

const NETWORK = ['default-domain', 'p', 'net'];

let redis: TestRedis;
let raw: Redis;
let servers: ConfigServer[];
let clients: ContrailClient[];

beforeAll(async () => {
  redis = await startRedis();
  raw = createRedis(redis.url);
  servers = await Promise.all([startServer(redis.url), startServer(redis.url)]);
  clients = servers.map(({ url }) => createContrailClient({ endpoints: async () => [url] }));
});

afterAll(async () => {
  for (const client of clients) client.close();
  for (const server of servers) await server.close();
  raw.disconnect();
  await redis.stop();
});

/** What may be done, by which of the two servers; numbers choose among names and addresses. */
const step = fc.record({
  op: fc.constantFrom('take' as const, 'take' as const, 'ask' as const, 'release' as const, 'hand over' as const),
  server: fc.integer({ min: 0, max: 1 }),
  name: fc.integer({ min: 0, max: 11 }),
  // The gateway's, 14, may be asked for by whoever is the gateway, and is never counted (facts 9).
  host: fc.integer({ min: 0, max: 17 }).filter((byte) => byte !== 14),
});

/** Ranges of the last byte in 10.9.0.0/28; 0, 13 (DNS), 14 (gateway) and 15 are nobody's. */
const pools = fc.constantFrom<readonly (readonly [number, number])[]>(
  [[0, 15]],
  [[2, 5]],
  [
    [9, 12],
    [1, 3],
  ],
  [[12, 14]],
);
const RESERVED = new Set([0, 13, 14, 15]);

/** The model: names to last bytes. */
class Model {
  readonly held = new Map<number, number>();
  readonly #order: readonly number[];

  constructor(ranges: readonly (readonly [number, number])[]) {
    const inPools = Array.from({ length: 16 }, (_, byte) => byte).filter((byte) =>
      ranges.some(([from, to]) => byte >= from && byte <= to),
    );
    this.#order = inPools.filter((byte) => !RESERVED.has(byte)).reverse();
  }

  /** The highest that nobody has, or nothing. */
  take(name: number): number | undefined {
    const free = this.#order.find((byte) => !this.#has(byte));
    if (free !== undefined) this.held.set(name, free);
    return free;
  }

  /** Any address of the subnet may be asked for, also outside of the pools; the edges and the DNS server's are refused. */
  ask(name: number, byte: number): boolean {
    if (byte > 15 || RESERVED.has(byte) || this.#has(byte)) return false;
    this.held.set(name, byte);
    return true;
  }

  #has(byte: number): boolean {
    return [...this.held.values()].includes(byte);
  }
}

interface Step {
  readonly server: number;
  readonly name: number;
  readonly host: number;
}

interface World {
  readonly model: Model;
  readonly uuids: Map<number, string>;
}

type Operation = (step: Step, world: World) => Promise<void>;

/** What is done to a name that has an address, and to one that has none; the other is left alone. */
const OPERATIONS = {
  take: async ({ server, name }, { model, uuids }) => {
    if (uuids.has(name)) return;
    const uuid = await created(clients[server]!, name, {});
    expect(uuid !== undefined).toBe(model.take(name) !== undefined);
    if (uuid !== undefined) uuids.set(name, uuid);
  },
  ask: async ({ server, name, host }, { model, uuids }) => {
    if (uuids.has(name)) return;
    const uuid = await created(clients[server]!, name, { instance_ip_address: `10.9.0.${host}` });
    expect([host, uuid !== undefined]).toEqual([host, model.ask(name, host)]);
    if (uuid !== undefined) uuids.set(name, uuid);
  },
  release: async ({ server, name }, { model, uuids }) => {
    const uuid = uuids.get(name);
    if (uuid === undefined) return;
    await clients[server]!.delete('instance-ip', uuid);
    uuids.delete(name);
    model.held.delete(name);
  },
  /** As a sticky address goes from interface to interface: it stays taken. */
  'hand over': async ({ server, name }, { uuids }) => {
    const uuid = uuids.get(name);
    if (uuid !== undefined) await clients[server]!.update('instance-ip', uuid, { virtual_machine_interface_refs: [] });
  },
} satisfies Record<string, Operation>;

test('every answer is the one that the model gives, whatever came before', async () => {
  await fc.assert(
    fc.asyncProperty(pools, fc.array(step, { maxLength: 40 }), async (ranges, steps) => {
      await raw.flushall();
      await createNetwork(ranges);
      const model = new Model(ranges);
      const uuids = new Map<number, string>();
      for (const each of steps) await OPERATIONS[each.op](each, { model, uuids });
      const list = await clients[0]!.list('instance-ip', { detail: true });
      const found = list.map(({ fq_name: [name], instance_ip_address: address }) => `${name} ${String(address)}`);
      const wanted = [...model.held].map(([name, byte]) => `ip-${name} 10.9.0.${byte}`);
      expect(found.toSorted()).toEqual(wanted.toSorted());
    }),
    { numRuns: 60 },
  );
}, 120_000);

async function created(client: ContrailClient, name: number, fields: object): Promise<string | undefined> {
  try {
    return await client.create({
      type: 'instance-ip',
      fq_name: [`ip-${name}`],
      virtual_network_refs: [{ to: NETWORK }],
      ...fields,
    });
  } catch (error) {
    if (error instanceof ContrailError && (error.status === 400 || error.status === 409)) return undefined;
    throw error;
  }
}

async function createNetwork(ranges: readonly (readonly [number, number])[]): Promise<void> {
  const client = clients[0]!;
  await client.create({ type: 'project', fq_name: ['default-domain', 'p'], parent_type: 'domain' });
  await client.create({ type: 'network-ipam', fq_name: ['default-domain', 'p', 'ipam'], parent_type: 'project' });
  const whole = ranges.length === 1 && ranges[0]?.[0] === 0;
  const allocation_pools = ranges.map(([from, to]) => ({ start: `10.9.0.${from}`, end: `10.9.0.${to}` }));
  const subnet = { ip_prefix: '10.9.0.0', ip_prefix_len: 28 };
  const attr = { ipam_subnets: [{ subnet, ...(whole ? {} : { allocation_pools }) }] };
  await client.create({
    type: 'virtual-network',
    fq_name: NETWORK,
    parent_type: 'project',
    network_ipam_refs: [{ to: ['default-domain', 'p', 'ipam'], attr }],
  });
}
