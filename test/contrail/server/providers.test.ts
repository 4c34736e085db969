/** Networks outside at an interface of nodes, and what nodes say of theirs, as the config API takes it. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { ContrailClient } from '../../../contrail/client.ts';
import { physicalNetworks, providerOf } from '../../../contrail/provider.ts';
import { type Servers, startServers, useRedis } from './bed.ts';
import { createBase, createNode, inProject } from './world.ts';

const redis = useRedis();
let started: Servers;
let client: ContrailClient;

beforeEach(async () => {
  await redis.raw.flushall();
  started = await startServers(redis.url, 1);
  client = started.clients[0]!;
  await createBase(client);
});

afterEach(async () => await started.close());

const network = async (properties: object): Promise<string> =>
  await client.create({
    type: 'virtual-network',
    fq_name: inProject('public'),
    parent_type: 'project',
    router_external: true,
    provider_properties: properties,
  });

test('a physical network and the VLAN in it are said together', async () => {
  await expect(network({ physical_network: 'eth1' })).rejects.toMatchObject({ status: 400 });
  await expect(network({ segmentation_id: 100 })).rejects.toMatchObject({ status: 400 });
  const uuid = await network(providerOf('eth1'));
  expect(await client.read('virtual-network', uuid)).toMatchObject({ provider_properties: providerOf('eth1') });
});

test('what a node says of its interfaces takes nothing else away', async () => {
  const router = await createNode(client, 'n1');
  const before = await client.read('virtual-router', router);
  const said = physicalNetworks(['eth1']);
  await client.update('virtual-router', router, { virtual_router_sriov_physical_networks: said });
  expect(await client.read('virtual-router', router)).toMatchObject({
    virtual_router_ip_address: before?.['virtual_router_ip_address'],
    virtual_router_sriov_physical_networks: said,
  });
  await client.update('virtual-router', router, { virtual_router_sriov_physical_networks: physicalNetworks([]) });
  const after = JSON.stringify(await client.read('virtual-router', router));
  expect(after).not.toContain('eth1');
});
