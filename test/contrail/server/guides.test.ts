/** What nodes are sent of networks that they reach only because they are nodes: guides all of it, others as much as they need (ADR 0009). */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type ContrailClient, createContrailClient } from '../../../contrail/client.ts';
import { guidesOf } from '../../../contrail/guides.ts';
import type { ConfigServer } from '../../../contrail/server/server.ts';
import { useRedis } from './bed.ts';
import { startServer } from './support.ts';
import { type Watched, watchServer } from './watched.ts';
import {
  attachToFabric,
  connect,
  createBase,
  createNetwork,
  createNode,
  createPod,
  createService,
  inProject,
  openToNodes,
} from './world.ts';

const NODES = ['n1', 'n2', 'n3', 'n4', 'n5', 'n6'];
const GUIDES = guidesOf(NODES);
const [GUIDE = '', ...OTHERS] = GUIDES;
const [LED = '', FAR = '', IDLE = ''] = NODES.filter((name) => !GUIDES.includes(name));

const redis = useRedis();
let server: ConfigServer;
let client: ContrailClient;
let stop: AbortController;
let routers: Readonly<Record<string, string>>;

beforeEach(async () => {
  await redis.raw.flushall();
  server = await startServer(redis.url);
  client = createContrailClient({ endpoints: async () => [server.url] });
  stop = new AbortController();
  await createBase(client);
  routers = Object.fromEntries(await Promise.all(NODES.map(async (name) => [name, await createNode(client, name)])));
  for (const network of ['red', 'blue', 'services']) await createNetwork(client, network);
  await openToNodes(client, ['red', 'blue', 'services']);
  await createPod(client, 'far', 'red', routers[FAR]);
  await createPod(client, 'here', 'blue', routers[LED]);
});

afterEach(async () => {
  stop.abort();
  client.close();
  await server.close();
});

const watch = (node: string): Watched => watchServer(client, { signal: stop.signal, node });
const RED = ['virtual-network red', 'virtual-machine-interface far', 'instance-ip far'];
const has = (names: readonly string[]) => RED.every((name) => names.includes(name));
const lacks = (names: readonly string[]) => RED.every((name) => !names.includes(name));
const isLed = (names: readonly string[]) => lacks(names) && names.includes('network-ipam ipam');

/** A server that reads everything at once sends a node the same as the one that has followed. */
async function isTheSameAtOnce(node: string, names: readonly string[]): Promise<void> {
  const other = await startServer(redis.url);
  const otherClient = createContrailClient({ endpoints: async () => [other.url] });
  const watched = watchServer(otherClient, { signal: stop.signal, node });
  await expect(watched.until((all) => all.join() === [...names].sort().join())).resolves.toEqual(names);
  otherClient.close();
  await other.close();
}

test('guides are sent all pods that nodes may reach, others the blocks that these are in', async () => {
  for (const guide of GUIDES) await watch(guide).until(has);
  const names = await watch(LED).until((all) => all.includes('instance-ip here'));
  expect(lacks(names)).toBe(true);
  expect(names).toContain('network-ipam ipam');
  expect(names).toContain('virtual-network blue');
});

test('a node without pods knows the blocks as soon as it may reach pods', async () => {
  const idle = watch(IDLE);
  await idle.until(isLed);
  const policy = (await client.fqNameToUuid('network-policy', inProject('fabric-np'))) ?? '';
  await attachToFabric(client, policy, 'DELETE');
  await idle.until((all) => !all.includes('network-ipam ipam'));
  await attachToFabric(client, policy);
  await isTheSameAtOnce(IDLE, await idle.until(isLed));
});

test('of three nodes all are guides', async () => {
  const led = watch(LED);
  await led.until(lacks);
  for (const name of NODES.filter((each) => each !== LED && each !== FAR && each !== GUIDE))
    await client.delete('virtual-router', routers[name] ?? '');
  await isTheSameAtOnce(LED, await led.until(has));
});

test('who takes a guide’s place is sent all, and who gives it up no longer', async () => {
  const next = guidesOf(NODES.filter((name) => name !== GUIDE)).find((name) => !OTHERS.includes(name)) ?? '';
  const watched = watch(next);
  await watched.until((all) => next === FAR || lacks(all));
  await client.delete('virtual-router', routers[GUIDE] ?? '');
  await watched.until(has);
  await createNode(client, GUIDE);
  if (next !== FAR) await isTheSameAtOnce(next, await watched.until(lacks));
});

test('a network with a service is everybody’s as long as it has one', async () => {
  const pod = await createPod(client, 'back', 'blue', routers[FAR]);
  const led = watch(LED);
  await led.until(lacks);
  const { balancer } = await createService(client, 'svc', 'red', pod.port);
  const names = await led.until((all) => has(all) && all.includes('loadbalancer svc'));
  expect(names).toContain('instance-ip vip-svc');
  for (const type of ['loadbalancer-member', 'loadbalancer-pool', 'loadbalancer-listener'] as const)
    for (const { uuid } of await client.list(type)) await client.delete(type, uuid);
  await client.delete('loadbalancer', balancer ?? '');
  await isTheSameAtOnce(LED, await led.until(lacks));
});

test('whoever may ask a back end is known where it runs, as long as it is one', async () => {
  await connect(client, 'ask', ['red', 'services']);
  const pod = await createPod(client, 'back', 'blue', routers[LED]);
  const led = watch(LED);
  await led.until((all) => lacks(all) && all.includes('instance-ip back'));
  const { member } = await createService(client, 'svc', 'services', pod.port);
  await led.until(has);
  await client.delete('loadbalancer-member', member ?? '');
  await isTheSameAtOnce(LED, await led.until(lacks));
});

test.each([
  [
    'a port of nodes',
    async ({ listener }: Record<string, string>) =>
      client.update('loadbalancer-listener', listener ?? '', {
        annotations: { key_value_pair: [{ key: 'nodePort', value: '30080' }] },
      }),
  ],
  [
    'an address that leads to nodes',
    async ({ balancer }: Record<string, string>) =>
      client.update('loadbalancer', balancer ?? '', {
        annotations: { key_value_pair: [{ key: 'traffic', value: '{"externalAddresses":["203.0.113.1"]}' }] },
      }),
  ],
])('a back end that is reached by %s is asked by everybody', async (_, expose) => {
  const pod = await createPod(client, 'back', 'blue', routers[LED]);
  const led = watch(LED);
  await led.until((all) => lacks(all) && all.includes('instance-ip back'));
  const service = await createService(client, 'svc', 'services', pod.port);
  await led.until((all) => lacks(all) && all.includes('loadbalancer-member m'));
  await expose(service);
  await isTheSameAtOnce(LED, await led.until(has));
});

test('a network that nodes reach in part, or that a service names an address of, is everybody’s', async () => {
  await connect(client, 'ask', ['red', 'services']);
  const led = watch(LED);
  await led.until(lacks);
  const { pool } = await createService(client, 'svc', 'services', '');
  const [address] = (await client.list('instance-ip', { detail: true }))
    .filter(({ fq_name: [name] }) => name === 'far')
    .map((object) => object['instance_ip_address']);
  const member = await client.create({
    type: 'loadbalancer-member',
    fq_name: [...inProject('svc'), 'by-address'],
    parent_type: 'loadbalancer-pool',
    parent_uuid: pool ?? '',
    loadbalancer_member_properties: { address, protocol_port: 80 },
  });
  await led.until(has);
  await client.delete('loadbalancer-member', member);
  await led.until(lacks);
  await openToNodes(client, ['red'], { name: 'part', protocol: 'tcp' });
  await isTheSameAtOnce(LED, await led.until(has));
});
