/** FloatingIPPools at an interface of nodes, by a worker between a real API server, a real Redis and the embedded config API. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import type { ContrailClient } from '../../contrail/client.ts';
import { uuidOf } from '../../contrail/names.ts';
import type { VirtualNetwork } from '../../contrail/objects.ts';
import { physicalNetworks } from '../../contrail/provider.ts';
import type { KubeClient } from '../../kubernetes/client.ts';
import { type Bed, type Conditioned, createNode, settledStatus, startBed } from './bed.ts';
import { eventually } from './programs.ts';
import { withApiServer } from './with-apiserver.ts';

jest.setTimeout(120_000);

const POOLS = '/apis/opencontrail.org/v1alpha1/floatingippools';
const SUBNETS = [
  { cidr: '198.51.100.0/24', gateway: '198.51.100.1' },
  { cidr: '2001:db8::/64', allocationPools: [{ start: '2001:db8::10', end: '2001:db8::19' }] },
];

interface Status extends Conditioned {
  readonly nodes?: readonly string[];
}

let bed: Bed;
let kube: KubeClient;
let contrail: ContrailClient;

withApiServer('a worker', () => {
  beforeAll(async () => {
    bed = await startBed();
    kube = bed.api.kube;
    contrail = bed.contrail;
    await createNode(kube, 'n1', '192.0.2.1');
    await createNode(kube, 'n2', '192.0.2.2');
  }, 120_000);

  afterAll(async () => bed?.stop());

  test('says where a pool’s network is, and that its router is the one that is named', async () => {
    await pool('tagged', { interface: 'eth0.100', subnets: SUBNETS });
    await eventually(async () => (await network('tagged')) !== undefined);
    const found = await network('tagged');
    expect(found).toMatchObject({
      router_external: true,
      provider_properties: { physical_network: 'eth0', segmentation_id: 100 },
    });
    const subnets = found?.network_ipam_refs?.[0]?.attr?.ipam_subnets ?? [];
    expect(subnets.map(({ default_gateway: gateway }) => gateway)).toEqual(['198.51.100.1', '::']);
  });

  test('says who can serve a pool, and what is missing where nobody can', async () => {
    await pool('public', { interface: 'eth1', subnets: SUBNETS });
    const waiting = await settled('public', ({ conditions }) => conditions?.[0]?.reason === 'InterfaceMissing');
    expect(waiting.conditions?.[0]).toMatchObject({
      status: 'False',
      message: expect.stringContaining('spec.interface eth1'),
    });
    await eventually(async () => (await contrail.read('virtual-router', routerOf('n2'))) !== undefined);
    await contrail.update('virtual-router', routerOf('n2'), {
      virtual_router_sriov_physical_networks: physicalNetworks(['eth1', 'eth2']),
    });
    const ready = await settled('public', ({ conditions }) => conditions?.[0]?.status === 'True');
    expect(ready.nodes).toEqual(['n2']);
    // Whoever looks after the node takes nothing of that away.
    await kube.patch('/api/v1/nodes/n2', { metadata: { labels: { 'topology.kubernetes.io/zone': 'z' } } });
    await eventually(async () => JSON.stringify(await contrail.read('virtual-router', routerOf('n2'))).includes('"z"'));
    expect(await contrail.read('virtual-router', routerOf('n2'))).toMatchObject({
      virtual_router_sriov_physical_networks: physicalNetworks(['eth1', 'eth2']),
    });
  });

  test('says nothing of a pool of the network that the nodes stand in', async () => {
    await pool('plain', { subnets: [{ cidr: '203.0.113.0/24' }] });
    await eventually(async () => (await network('plain')) !== undefined);
    expect(await network('plain')).not.toHaveProperty('provider_properties.physical_network');
    expect(await statusOf('plain')).toBeUndefined();
  });

  test('the API server refuses another interface, a name that none can have, and a router outside of the subnet', async () => {
    await expect(kube.patch(`${POOLS}/plain`, { spec: { interface: 'eth1' } })).rejects.toThrow(/cannot be changed/);
    await expect(pool('odd', { interface: 'eth 1', subnets: SUBNETS })).rejects.toThrow(/should match/);
    await expect(pool('loop', { interface: 'lo', subnets: SUBNETS })).rejects.toThrow(/neither the loopback/);
    const beside = [{ cidr: '198.51.100.0/24', gateway: '198.51.101.1' }];
    await expect(pool('beside', { interface: 'eth1', subnets: beside })).rejects.toThrow(/address of the subnet/);
  });
});

async function pool(name: string, spec: object): Promise<void> {
  await kube.post(POOLS, { apiVersion: 'opencontrail.org/v1alpha1', kind: 'FloatingIPPool', metadata: { name }, spec });
}

async function network(name: string): Promise<VirtualNetwork | undefined> {
  const fqName = ['default-domain', 'k8s-default', `k8s-${name}-floating-network`];
  return (await contrail.readByName('virtual-network', fqName)) as VirtualNetwork | undefined;
}

const routerOf = (node: string): string => uuidOf('virtual-router', ['default-global-system-config', node]);

async function statusOf(name: string): Promise<Status | undefined> {
  return ((await kube.get(`${POOLS}/${name}`)) as { readonly status?: Status }).status;
}

async function settled(name: string, isMeant: (status: Status) => boolean): Promise<Status> {
  return await settledStatus(kube, `${POOLS}/${name}`, isMeant);
}
