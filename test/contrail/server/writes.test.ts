/** Writes at once, from several servers: each is whole, none is lost, nothing is left hanging. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { apply } from '../../../contrail/apply.ts';
import { type ContrailClient, createContrailClient } from '../../../contrail/client.ts';
import { tagObject } from '../../../contrail/desired/tag.ts';
import type { KeyValuePairs } from '../../../contrail/objects.ts';
import { type Servers, startServers, useRedis } from './bed.ts';
import { startRedis } from '../../redis.ts';
import { ask, startServer } from './support.ts';
import { createBase, createNetwork, createNode, inProject } from './world.ts';

const redis = useRedis();
let started: Servers;
let servers: Servers['servers'];
let clients: Servers['clients'];
let client: ContrailClient;

beforeEach(async () => {
  await redis.raw.flushall();
  started = await startServers(redis.url, 2);
  ({ servers, clients } = started);
  client = clients[0]!;
  await createBase(client);
});

afterEach(async () => await started.close());

const all = <T>(
  count: number,
  run: (through: ContrailClient, index: number) => Promise<T>,
): Promise<PromiseSettledResult<T>[]> =>
  Promise.allSettled(Array.from({ length: count }, (_, index) => run(clients[index % 2]!, index)));
const done = (results: readonly PromiseSettledResult<unknown>[]): number =>
  results.filter(({ status }) => status === 'fulfilled').length;

describe('writes at once', () => {
  test('of one object succeed for everybody who plans it', async () => {
    for (let round = 0; round < 10; round += 1) {
      const owner = { cluster: 'k8s', project: '', kind: 'Label', namespace: '', name: `namespace=n${round}` };
      const object = tagObject({ type: 'namespace', value: `n${round}` }, owner);
      const results = await all(20, (through) => apply([{ op: 'create', object }], { client: through }));
      expect(results.filter(({ status }) => status === 'rejected')).toEqual([]);
      expect(await client.fqNameToUuid('tag', object.fq_name)).toBe(object.uuid);
    }
  });

  test('to one name succeed once; all others are told by whom it is held', async () => {
    const results = await all(20, (through) => through.create({ type: 'virtual-machine', fq_name: ['vm'] }));
    expect(done(results)).toBe(1);
    const uuid = await client.fqNameToUuid('virtual-machine', ['vm']);
    const refused = results.flatMap((result) => (result.status === 'rejected' ? [String(result.reason)] : []));
    expect(new Set(refused)).toEqual(new Set([`ContrailError: ['vm'] already exists with uuid: ${uuid}`]));
  });

  test('to one list of references are all kept', async () => {
    const router = await createNode(client, 'n1');
    const machines = await Promise.all(
      Array.from({ length: 60 }, (_, index) => client.create({ type: 'virtual-machine', fq_name: [`vm${index}`] })),
    );
    const results = await all(60, (through, index) =>
      through.refUpdate({
        type: 'virtual-router',
        uuid: router,
        refType: 'virtual-machine',
        refUuid: machines[index]!,
        operation: 'ADD',
      }),
    );
    expect(done(results)).toBe(60);
    const refs = (await client.read('virtual-router', router))?.['virtual_machine_refs'] as { uuid: string }[];
    expect(refs.map(({ uuid }) => uuid).sort()).toEqual(machines.sort());
  });

  test('never leave a child without its parent, or a reference without its target', async () => {
    for (let round = 0; round < 10; round += 1) {
      const network = await createNetwork(client, `n${round}`);
      const results = await Promise.allSettled([
        clients[0]!.delete('virtual-network', network),
        clients[1]!.create({
          type: 'virtual-machine-interface',
          fq_name: inProject(`port${round}`),
          parent_type: 'project',
          virtual_network_refs: [{ to: inProject(`n${round}`) }],
        }),
        clients[1]!.create({
          type: 'floating-ip-pool',
          fq_name: [...inProject(`n${round}`), 'pool'],
          parent_type: 'virtual-network',
        }),
      ]);
      const isThere = (await client.read('virtual-network', network)) !== undefined;
      const port = await client.readByName('virtual-machine-interface', inProject(`port${round}`));
      const pool = await client.readByName('floating-ip-pool', [...inProject(`n${round}`), 'pool']);
      expect({ isThere, refused: results[0].status }).toEqual({ isThere, refused: isThere ? 'rejected' : 'fulfilled' });
      if (!isThere) expect([port, pool]).toEqual([undefined, undefined]);
    }
  });

  test('of different fields of one object are all kept', async () => {
    const uuid = await client.create({ type: 'virtual-machine', fq_name: ['vm'] });
    const fields = [
      { display_name: 'shown' },
      { server_type: 'container' },
      { annotations: { key_value_pair: [{ key: 'a', value: 'b' }] } },
    ];
    const results = await all(fields.length, (through, index) =>
      through.update('virtual-machine', uuid, fields[index]!),
    );
    expect(done(results)).toBe(fields.length);
    expect(await client.read('virtual-machine', uuid)).toMatchObject(
      Object.assign({}, ...fields) as Record<string, unknown>,
    );
  });

  test('of items of one map are all kept, and changed items replaced', async () => {
    const uuid = await client.create({ type: 'virtual-machine', fq_name: ['vm'] });
    await all(10, (through, index) =>
      through.propCollectionUpdate(uuid, [
        { field: 'annotations', operation: 'set', value: { key: `k${index % 5}`, value: String(index) } },
      ]),
    );
    const pairs = (await client.read('virtual-machine', uuid))?.['annotations'] as KeyValuePairs;
    expect(pairs.key_value_pair.map(({ key }) => key)).toEqual(['k0', 'k1', 'k2', 'k3', 'k4']);
  });
});

describe('a write', () => {
  test('through one server is seen through the other at once', async () => {
    for (let index = 0; index < 50; index += 1) {
      const uuid = await clients[0]!.create({ type: 'virtual-machine', fq_name: [`vm${index}`] });
      expect(await clients[1]!.read('virtual-machine', uuid)).toBeDefined();
    }
  });

  test('shows UUID halves with all their digits', async () => {
    const uuid = '8e4ab821-bb32-42ba-8eba-708b6d928004';
    await client.create({ type: 'virtual-machine', fq_name: ['vm'], uuid });
    const { text } = await ask(servers[0]!.url, 'GET', `/virtual-machine/${uuid}`);
    expect(text).toContain('"uuid_mslong":10253209956676420282,"uuid_lslong":10284656443195031556');
  });

  test('of more than a megabyte is refused', async () => {
    const answer = await ask(servers[0]!.url, 'POST', '/virtual-machines', {
      body: { 'virtual-machine': { fq_name: ['x'.repeat(1_100_000)] } },
    });
    expect(answer.status).toBe(413);
  });

  test('that lists thousands of objects comes back whole', async () => {
    await all(1_200, (through, index) => through.create({ type: 'virtual-machine', fq_name: [`vm${index}`] }));
    const list = await client.list('virtual-machine', { detail: true });
    expect(list).toHaveLength(1_200);
    const some = list.slice(0, 100).map(({ uuid }) => uuid);
    expect(await client.list('virtual-machine', { uuids: some })).toHaveLength(100);
  });
});

const url = (): string => servers[0]!.url;
const project = async (): Promise<string> => (await client.fqNameToUuid('project', inProject('x').slice(0, -1))) ?? '';

/** Names of the project’s networks, as a list has them. */
const names = async (query: string): Promise<readonly string[]> => {
  const { body } = await ask(url(), 'GET', `/virtual-networks?parent_id=${await project()}${query}`);
  const { 'virtual-networks': found } = body as { readonly 'virtual-networks': readonly object[] };
  return found.map((each) => JSON.stringify(each)).flatMap((text) => /"(red|blue)"/.exec(text)?.[1] ?? []);
};

describe('a list', () => {
  test('of a parent’s children says their names, in the order in which they were made', async () => {
    const made = [await createNetwork(client, 'red'), await createNetwork(client, 'blue')];
    const { body } = await ask(url(), 'GET', `/virtual-networks?parent_id=${await project()}`);
    const item = (uuid = '', name = '') => ({
      uuid,
      fq_name: inProject(name),
      href: `${url()}/virtual-network/${uuid}`,
    });
    expect(body).toEqual({ 'virtual-networks': [item(made[0], 'red'), item(made[1], 'blue')] });
  });

  test.each(['', '&fields=display_name', '&detail=true'])('has nothing that is not visible: %s', async (query) => {
    const body = { 'virtual-network': { fq_name: inProject('red'), parent_type: 'project' } };
    const hidden = { 'virtual-network': { ...body['virtual-network'], id_perms: { user_visible: false } } };
    expect((await ask(url(), 'POST', '/virtual-networks', { body: hidden })).status).toBe(200);
    const blue = await createNetwork(client, 'blue');
    await expect(names(query)).resolves.toEqual(['blue']);
    await client.delete('virtual-network', blue);
    await expect(names(query)).resolves.toEqual([]);
  });
});

describe('Redis that dies', () => {
  test('is an answer of 503, and no more than that: after it is back, everything is there', async () => {
    const persistent = await startRedis({ persist: true });
    const server = await startServer(persistent.url);
    const through = createContrailClient({ endpoints: async () => [server.url] });
    const uuid = await through.create({ type: 'virtual-machine', fq_name: ['vm'] });
    await persistent.kill();
    const refused = await ask(server.url, 'GET', `/virtual-machine/${uuid}`);
    expect(refused.status).toBe(503);
    expect((await ask(server.url, 'GET', '/readyz')).status).toBe(503);
    await persistent.restart();
    expect(await through.read('virtual-machine', uuid)).toMatchObject({ fq_name: ['vm'] });
    through.close();
    await server.close();
    await persistent.stop();
  });
});

describe('an error text', () => {
  test('wraps a long name as Python prints it, since clients parse what follows', async () => {
    const name = 'a-name-long-enough-to-need-a-second-line-in-the-text-of-the-conflict';
    const uuid = await createNetwork(client, name);
    await expect(createNetwork(client, name)).rejects.toMatchObject({
      message: `['default-domain',\n 'p',\n '${name}'] already exists with uuid: ${uuid}`,
    });
  });
});
