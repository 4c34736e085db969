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
const OTHERS = [{ cidr: '192.0.2.0/24' }];

interface Status extends Conditioned {
  readonly subnets?: string;
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
    expect(await gatewaysOf('tagged')).toEqual(['198.51.100.1', '::']);
  });

  test('says who can serve a pool, and what is missing where nobody can', async () => {
    await pool('public', { interface: 'eth1', subnets: OTHERS });
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

  test('every node serves a pool of the network that the nodes stand in', async () => {
    await pool('plain', { subnets: [{ cidr: '203.0.113.0/24' }] });
    const { nodes } = await settled('plain', ({ conditions }) => conditions?.[0]?.status === 'True');
    expect(nodes).toBeUndefined();
    expect(await network('plain')).not.toHaveProperty('provider_properties.physical_network');
  });

  test('says whose addresses a pool would give away, until they are nobody’s', async () => {
    // By name the second, since both may be of one second.
    await pool('twin', { subnets: [{ cidr: '203.0.113.128/25' }] });
    const refused = await settled('twin', ({ conditions }) => conditions?.[0]?.reason === 'AddressesTaken');
    expect(refused.conditions?.[0]?.message).toContain('FloatingIPPool plain, which is older');
    expect(await network('twin')).toBeUndefined();
    await kube.patch(`${POOLS}/plain`, {
      spec: { subnets: [{ cidr: '203.0.113.0/24', allocationPools: [{ start: '203.0.113.1', end: '203.0.113.9' }] }] },
    });
    await settled('twin', ({ conditions }) => conditions?.[0]?.status === 'True');
    expect(await network('twin')).toBeDefined();
  });

  test('all subnets are shown, of VirtualNetworks too, and also where they are refused', async () => {
    await pool('inside', { subnets: [{ cidr: '10.40.0.0/24' }, { cidr: '198.18.9.0/24' }] });
    const refused = await settled('inside', ({ conditions }) => conditions?.[0]?.reason === 'AddressesTaken');
    expect(refused.subnets).toBe('10.40.0.0/24, 198.18.9.0/24');
    const networks = '/apis/opencontrail.org/v1alpha1/namespaces/default/virtualnetworks';
    const [apiVersion, kind] = ['opencontrail.org/v1alpha1', 'VirtualNetwork'];
    const spec = { subnets: [{ cidr: '10.71.0.0/24' }, { cidr: 'fd00:71::/64' }] };
    await kube.post(networks, { apiVersion, kind, metadata: { name: 'blue' }, spec });
    const isReady = ({ conditions }: Status) => conditions?.[0]?.status === 'True';
    const { subnets } = await settledStatus<Status>(kube, `${networks}/blue`, isReady);
    expect(subnets).toBe('10.71.0.0/24, fd00:71::/64');
  });

  test('says which range gives nothing away', async () => {
    const backwards = { start: '198.18.0.9', end: '198.18.0.5' };
    await pool('backwards', { subnets: [{ cidr: '198.18.0.0/24', allocationPools: [backwards] }] });
    const { conditions } = await settled('backwards', (status) => status.conditions?.[0]?.reason === 'NoAddresses');
    expect(conditions?.[0]?.message).toContain('the range 198.18.0.9 to 198.18.0.5 ends before it starts');
  });

  test('a gateway that was changed or taken away is told, with the one that stands, until it is said again', async () => {
    const cidr = '198.18.30.0/24';
    await pool('routed', { subnets: [{ cidr, gateway: '198.18.30.1' }] });
    const condition = async (subnets: readonly object[], isMeant: (status: Status) => boolean) => {
      await kube.patch(`${POOLS}/routed`, { spec: { subnets } });
      return (await settled('routed', isMeant)).conditions?.[0];
    };
    const isReady = ({ conditions }: Status) => conditions?.[0]?.status === 'True';
    const isRefused = ({ conditions }: Status) => conditions?.[0]?.reason === 'GatewayStands';
    await settled('routed', isReady);
    const without = await condition([{ cidr }], isRefused);
    expect(without?.message).toBe(
      'spec.subnets[0].gateway: that of 198.18.30.0/24 has been 198.18.30.1 since the subnet was made and cannot become 198.18.30.254, ' +
        'which is it where none is said: set it to 198.18.30.1, or delete the object and create it again',
    );
    expect(await gatewaysOf('routed')).toEqual(['198.18.30.1']);
    await condition([{ cidr, gateway: '198.18.30.1' }], isReady);
    const other = await condition([{ cidr, gateway: '198.18.30.2' }], isRefused);
    expect(other?.message).toContain('cannot become 198.18.30.2: set it to 198.18.30.1');
    const [apiVersion, kind] = ['opencontrail.org/v1alpha1', 'VirtualNetwork'];
    const networks = '/apis/opencontrail.org/v1alpha1/namespaces/default/virtualnetworks';
    const dual = [
      { cidr: '10.72.0.0/24', gateway: '10.72.0.254' },
      { cidr: 'fd00:72::/64', gateway: 'fd00:72::1' },
    ];
    await kube.post(networks, { apiVersion, kind, metadata: { name: 'edged' }, spec: { subnets: dual } });
    await settledStatus<Status>(kube, `${networks}/edged`, isReady);
    // The gateway that a new subnet has may be said, or not.
    await kube.patch(`${networks}/edged`, { spec: { subnets: [{ cidr: '10.72.0.0/24' }, dual[1]] } });
    await kube.patch(`${networks}/edged`, { spec: { subnets: [{ cidr: '10.72.0.0/24' }, { cidr: 'fd00:72::/64' }] } });
    const { conditions } = await settledStatus<Status>(kube, `${networks}/edged`, isRefused);
    expect(conditions?.[0]?.message).toContain('spec.subnets[1].gateway: that of fd00:72::/64 has been fd00:72::1');
    await kube.patch(`${networks}/edged`, { spec: { subnets: [{ cidr: '10.72.0.0/24' }, dual[1]] } });
    await settledStatus<Status>(kube, `${networks}/edged`, isReady);
  });

  test('a Service may name an operator’s own pool, in Contrail’s dictionary, whose network is external', async () => {
    await kube.post('/api/v1/namespaces', { metadata: { name: 'shop' } });
    await operatorsPool('transit', '198.51.100.64', { router_external: true });
    await operatorsPool('inner', '198.51.100.128', {});
    const own = { domain: 'default-domain', project: 'default-project', name: 'own' };
    const transit = '/api/v1/namespaces/shop/services/transit';
    for (const network of ['transit', 'inner'])
      await kube.post('/api/v1/namespaces/shop/services', {
        metadata: { name: network, annotations: { 'opencontrail.org/fip-pool': JSON.stringify({ ...own, network }) } },
        spec: { type: 'LoadBalancer', ports: [{ port: 80 }] },
      });
    await eventually(async () => JSON.stringify((await kube.get(transit))?.['status']).includes('198.51.100.'));
    const given = await contrail.list('floating-ip', { detail: true });
    expect(given.map(({ fq_name: name }) => name.slice(0, 4))).toEqual([
      ['default-domain', 'default-project', 'transit', 'own'],
    ]);
    const events = await kube.get('/api/v1/namespaces/shop/events');
    expect(JSON.stringify(events)).toContain('no FloatingIPPool for namespace shop');
  });

  test('a Service whose address outside is refused is served inside, and keeps the one that it has', async () => {
    const services = '/api/v1/namespaces/shop/services';
    const annotations = { 'opencontrail.org/fip-pool': 'plain' };
    await kube.post(services, {
      metadata: { name: 'web', annotations },
      spec: { type: 'LoadBalancer', ports: [{ port: 80 }] },
    });
    const given = async () => JSON.stringify((await kube.get(`${services}/web`))?.['status']);
    await eventually(async () => (await given()).includes('"ip"'));
    const before = await given();
    const ports = [{ port: 81 }];
    await kube.post(services, {
      metadata: { name: 'bad', annotations },
      spec: { type: 'LoadBalancer', loadBalancerIP: '192.0.2.250', ports },
    });
    await kube.patch(`${services}/web`, { spec: { loadBalancerIP: '192.0.2.250', ports } });
    const refused = async () => JSON.stringify(await kube.get('/api/v1/namespaces/shop/events'));
    await eventually(async () => (await refused()).split('spec.loadBalancerIP: 192.0.2.250').length > 2);
    const listeners = await contrail.list('loadbalancer-listener', { detail: true });
    const served = listeners.filter((each) => JSON.stringify(each['loadbalancer_listener_properties']).includes('81'));
    expect(served).toHaveLength(2);
    expect(await given()).toBe(before);
    const held = await contrail.list('floating-ip', { detail: true });
    expect(held.filter((each) => before.includes(`"${String(each['floating_ip_address'])}"`))).toHaveLength(1);
  });

  test('a Service that names no pool takes the next where the first is full, stays there, and is told of all that are', async () => {
    await kube.post('/api/v1/namespaces', { metadata: { name: 'full' } });
    for (const [name, third] of [
      ['full-a', 20],
      ['full-b', 21],
    ] as const)
      await pool(name, {
        namespaces: ['full'],
        loadBalancerClass: 'example.org/full',
        subnets: [
          { cidr: `198.18.${third}.0/24`, allocationPools: [{ start: `198.18.${third}.9`, end: `198.18.${third}.9` }] },
        ],
      });
    for (const name of ['full-a', 'full-b']) await settled(name, (status) => status.conditions?.[0]?.status === 'True');
    await balancer('one');
    expect(await givenTo('one')).toBe('198.18.20.9');
    await balancer('two');
    expect(await givenTo('two')).toBe('198.18.21.9');
    await balancer('three');
    await eventually(async () =>
      JSON.stringify(await kube.get('/api/v1/namespaces/full/events')).includes(
        'FloatingIPPools full-a, full-b have no address left: give one of them another subnet',
      ),
    );
    await kube.delete('/api/v1/namespaces/full/services/one');
    expect(await givenTo('three')).toBe('198.18.20.9');
    await kube.patch('/api/v1/namespaces/full/services/two', { spec: { ports: [{ port: 81 }] } });
    await eventually(async () =>
      (await contrail.list('loadbalancer-listener', { detail: true })).some((each) =>
        /"protocol_port":81/.test(JSON.stringify(each)),
      ),
    );
    expect(await givenTo('two')).toBe('198.18.21.9');
  });

  test('the API server refuses another interface, a name that none can have, and a router outside of the subnet', async () => {
    await expect(kube.patch(`${POOLS}/plain`, { spec: { interface: 'eth1' } })).rejects.toThrow(/cannot be changed/);
    await expect(pool('odd', { interface: 'eth 1', subnets: SUBNETS })).rejects.toThrow(/should match/);
    await expect(pool('loop', { interface: 'lo', subnets: SUBNETS })).rejects.toThrow(/neither the loopback/);
    const beside = [{ cidr: '198.51.100.0/24', gateway: '198.51.101.1' }];
    await expect(pool('beside', { interface: 'eth1', subnets: beside })).rejects.toThrow(/address of the subnet/);
    const twice = [{ cidr: '198.18.0.0/24' }, { cidr: '198.18.0.128/25' }];
    await expect(pool('twice', { subnets: twice })).rejects.toThrow(/must not overlap/);
    await expect(pool('local', { subnets: [{ cidr: '169.254.0.0/24' }] })).rejects.toThrow(/that hosts have/);
    const excluded = [{ start: '198.18.1.0', end: '198.18.1.9' }];
    await expect(pool('astray', { subnets: [{ cidr: '198.18.0.0/24', excluded }] })).rejects.toThrow(/excluded ranges/);
  });
});

async function pool(name: string, spec: object): Promise<void> {
  await kube.post(POOLS, { apiVersion: 'opencontrail.org/v1alpha1', kind: 'FloatingIPPool', metadata: { name }, spec });
}

async function balancer(name: string): Promise<void> {
  await kube.post('/api/v1/namespaces/full/services', {
    metadata: { name },
    spec: { type: 'LoadBalancer', loadBalancerClass: 'example.org/full', ports: [{ port: 80 }] },
  });
}

async function givenTo(service: string): Promise<string> {
  return await eventually(async () => {
    const found = await kube.get(`/api/v1/namespaces/full/services/${service}`);
    return /"ip":"([^"]+)"/.exec(JSON.stringify(found?.['status']))?.[1];
  });
}

/** A pool that no FloatingIPPool has made. */
async function operatorsPool(name: string, prefix: string, fields: object): Promise<void> {
  const home = ['default-domain', 'default-project'];
  const ipam = { type: 'network-ipam', fq_name: [...home, `${name}-ipam`], parent_type: 'project' };
  await contrail.create({ ...ipam, uuid: uuidOf('network-ipam', ipam.fq_name) });
  const attr = { ipam_subnets: [{ subnet: { ip_prefix: prefix, ip_prefix_len: 28 } }] };
  const [network, pool] = [
    [...home, name],
    [...home, name, 'own'],
  ];
  await contrail.create({
    type: 'virtual-network',
    uuid: uuidOf('virtual-network', network),
    fq_name: network,
    parent_type: 'project',
    network_ipam_refs: [{ to: ipam.fq_name, attr }],
    ...fields,
  });
  await contrail.create({
    type: 'floating-ip-pool',
    uuid: uuidOf('floating-ip-pool', pool),
    fq_name: pool,
    parent_type: 'virtual-network',
  });
}

async function network(name: string): Promise<VirtualNetwork | undefined> {
  const fqName = ['default-domain', 'k8s-default', `k8s-${name}-floating-network`];
  return (await contrail.readByName('virtual-network', fqName)) as VirtualNetwork | undefined;
}

async function gatewaysOf(name: string): Promise<readonly (string | undefined)[]> {
  const subnets = (await network(name))?.network_ipam_refs?.[0]?.attr?.ipam_subnets ?? [];
  return subnets.map(({ default_gateway: gateway }) => gateway);
}

const routerOf = (node: string): string => uuidOf('virtual-router', ['default-global-system-config', node]);

async function settled(name: string, isMeant: (status: Status) => boolean): Promise<Status> {
  return await settledStatus(kube, `${POOLS}/${name}`, isMeant);
}
