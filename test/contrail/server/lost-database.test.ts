/** A database that is gone, or that has lost its last writes: never an empty world, and nothing forgotten before it is laid anew. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type ContrailClient, createContrailClient } from '../../../contrail/client.ts';
import type { ConfigServer } from '../../../contrail/server/server.ts';
import { startRedis } from '../../redis.ts';
import { useRedis } from './bed.ts';
import { ask, startServer } from './support.ts';
import { watchServer } from './watched.ts';
import { createBase, createNetwork, createNode, createPod, inProject, place } from './world.ts';

const redis = useRedis();
let server: ConfigServer;
let client: ContrailClient;
let stop: AbortController;

beforeEach(async () => {
  await redis.raw.flushall();
  server = await startServer(redis.url);
  client = createContrailClient({ endpoints: async () => [server.url] });
  stop = new AbortController();
  await createBase(client);
});

afterEach(async () => {
  stop.abort();
  client.close();
  await server.close();
});

describe('a lost database', () => {
  test('is laid anew with another epoch; allocation waits for the rebuild, and a watcher keeps what it has until then', async () => {
    await server.close();
    server = await startServer(redis.url, { initialState: 'rebuilding' });
    const router = await createNode(client, 'n1');
    await createNetwork(client, 'red');
    await createPod(client, 'kept', 'red', router);
    await createPod(client, 'vanished', 'red', router);
    const watched = watchServer(client, { signal: stop.signal, node: 'n1' });
    await watched.until((all) => all.includes('instance-ip vanished'));
    const before = watched.view()!.epoch;

    await redis.raw.flushall();
    const status = (await ask(server.url, 'GET', '/embedded/status')).body as { epoch: string; state: string };
    expect(status).toMatchObject({ state: 'rebuilding' });
    expect(status.epoch).not.toBe(before);

    await createBase(client);
    const again = await createNode(client, 'n1');
    await createNetwork(client, 'red');
    const refused = createPod(
      createContrailClient({ endpoints: async () => [server.url], signal: AbortSignal.timeout(2_000) }),
      'kept',
      'red',
      again,
    );
    await expect(refused).rejects.toBeDefined();
    await client.create({
      type: 'instance-ip',
      fq_name: ['kept'],
      virtual_network_refs: [{ to: inProject('red') }],
      virtual_machine_interface_refs: [{ to: inProject('kept') }],
      instance_ip_address: '10.47.255.252',
    });
    await place(client, again, (await client.fqNameToUuid('virtual-machine', ['kept'])) ?? '');
    await sleep(200);
    expect(watched.names()).toContain('instance-ip vanished');

    expect((await ask(server.url, 'POST', '/embedded/ready', { body: { epoch: before } })).status).toBe(409);
    expect((await ask(server.url, 'POST', '/embedded/ready', { body: { epoch: status.epoch } })).status).toBe(200);
    const names = await watched.until((all) => !all.includes('instance-ip vanished'));
    expect(names).toContain('instance-ip kept');
    // The map is live; the view that names the epoch is told a moment later.
    while (watched.view()!.epoch === before) await sleep(10);
    expect(watched.view()!.epoch).toBe(status.epoch);
  });

  test('never looks empty to a request that comes before anybody has noticed', async () => {
    await redis.raw.flushall();
    const answers = await Promise.all([
      ask(server.url, 'GET', '/domains?count=true'),
      ask(server.url, 'POST', '/projects', {
        body: { project: { fq_name: ['default-domain', 'q'], parent_type: 'domain' } },
      }),
      ask(server.url, 'POST', '/fqname-to-id', { body: { type: 'domain', fq_name: ['default-domain'] } }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(answers[0]?.body).toEqual({ domains: { count: 1 } });
  });

  test('whose last writes were lost with another Redis process is read anew', async () => {
    const persistent = await startRedis({ persist: true });
    const own = await startServer(persistent.url);
    const through = createContrailClient({ endpoints: async () => [own.url] });
    const watched = watchServer(through, { signal: stop.signal, node: 'n1' });
    await createNode(through, 'n1');
    await watched.until((all) => all.includes('virtual-router n1'));
    await persistent.restart();
    await createNode(through, 'n2');
    await watched.until((all) => all.includes('virtual-router n1') && all.includes('virtual-router n2'));
    stop.abort();
    through.close();
    await own.close();
    await persistent.stop();
  });
});
