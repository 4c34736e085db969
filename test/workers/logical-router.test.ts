/** LogicalRouters by a worker between a real API server, a real Redis and the embedded config API. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import type { ContrailClient } from '../../contrail/client.ts';
import type { LogicalRouter } from '../../contrail/objects.ts';
import type { KubeClient } from '../../kubernetes/client.ts';
import {
  type Bed,
  type Conditioned,
  createAttachment,
  createNode,
  firstPort,
  installAttachments,
  settledStatus,
  startBed,
} from './bed.ts';
import { eventually } from './programs.ts';
import { withApiServer } from './with-apiserver.ts';

jest.setTimeout(120_000);

const GROUP = '/apis/opencontrail.org/v1alpha1';
const IN_DEV = `${GROUP}/namespaces/dev`;
const [apiVersion, PROJECT] = ['opencontrail.org/v1alpha1', ['default-domain', 'k8s-dev']] as const;

const ISOLATION = 'opencontrail.org/isolation';

interface Status extends Conditioned {
  readonly addresses?: readonly string[];
  readonly networks?: readonly string[];
}

let bed: Bed;
let kube: KubeClient;
let contrail: ContrailClient;

withApiServer('a worker', () => {
  beforeAll(async () => {
    bed = await startBed({ 'resync-interval': '2' });
    kube = bed.api.kube;
    contrail = bed.contrail;
    await createNode(kube, 'n1', '192.0.2.1');
    const annotations = { [ISOLATION]: 'true' };
    await kube.post('/api/v1/namespaces', { metadata: { name: 'dev', annotations } });
    const subnets = [{ cidr: '198.51.100.0/24', allocationPools: [{ start: '198.51.100.10', end: '198.51.100.19' }] }];
    await kube.post(`${GROUP}/floatingippools`, {
      apiVersion,
      kind: 'FloatingIPPool',
      metadata: { name: 'public' },
      spec: { subnets },
    });
    await network('blue', '10.71.0.0/24');
  }, 120_000);

  afterAll(async () => bed?.stop());

  test('routes networks of its namespace under one address, and takes the router away whole', async () => {
    await router('egress', { networks: [{ kind: 'Namespace' }, { name: 'blue' }] });
    const { addresses, networks } = await settled('egress', ({ conditions }) => conditions?.[0]?.status === 'True');
    expect(addresses).toEqual([expect.stringMatching(/^198\.51\.100\.1[0-9]$/)]);
    expect(networks).toEqual(['default-domain:k8s-dev:k8s-dev-pod-network', 'default-domain:k8s-dev:blue']);
    const made = await objectOf('egress');
    expect(made?.virtual_machine_interface_refs).toHaveLength(2);
    expect(made?.virtual_network_refs?.[0]).toMatchObject({
      to: ['default-domain', 'k8s-default', 'k8s-public-floating-network'],
      attr: { logical_router_virtual_network_type: 'ExternalGateway' },
    });
    await kube.delete(`${IN_DEV}/logicalrouters/egress`);
    await eventually(async () => (await objectOf('egress')) === undefined && (await portsLeft()) === 0);
  });

  test('has an address of the family that its pool has, where none is said, and says which networks that is of no use to', async () => {
    const spec = { subnets: [{ cidr: '2001:db8:6::/64' }] };
    const metadata = { name: 'six' };
    await kube.post(`${GROUP}/floatingippools`, { apiVersion, kind: 'FloatingIPPool', metadata, spec });
    await router('six', { pool: 'six', networks: [{ name: 'blue' }] });
    const { addresses, conditions } = await settled('six', (status) => status.conditions?.[0] !== undefined);
    expect(addresses).toEqual([expect.stringMatching(/^2001:db8:6:/)]);
    expect(conditions?.[0]).toMatchObject({
      status: 'False',
      reason: 'NoFamilyInCommon',
      message: expect.stringMatching(
        /^default-domain:k8s-dev:blue \(IPv4 alone\) cannot go outside by addresses of IPv6/,
      ),
    });
    const subnets = [{ cidr: '10.71.0.0/24' }, { cidr: 'fd00:71::/64' }];
    await kube.patch(`${IN_DEV}/virtualnetworks/blue`, { spec: { subnets } });
    await settled('six', (status) => status.conditions?.[0]?.status === 'True');
    await kube.delete(`${IN_DEV}/logicalrouters/six`);
    await eventually(async () => (await portsLeft()) === 0);
  });

  test('does not route the network that all namespaces share, in the namespace that has its name either', async () => {
    const path = `${GROUP}/namespaces/default/logicalrouters`;
    const spec = { pool: 'public', networks: [{ kind: 'Namespace' }] };
    const pods = '/api/v1/namespaces/default/pods';
    const container = { name: 'c', image: 'none' };
    await kube.post(pods, { metadata: { name: 'shared' }, spec: { nodeName: 'n1', containers: [container] } });
    await firstPort(kube, 'default', 'shared');
    await kube.post(path, { apiVersion, kind: 'LogicalRouter', metadata: { name: 'all' }, spec });
    const { networks, conditions } = await settledStatus<Status>(
      kube,
      `${path}/all`,
      (status) => status.conditions?.[0]?.reason === 'NetworkMissing',
    );
    expect(networks).toEqual([]);
    expect(conditions?.[0]?.message).toContain('isolate the namespace');
    await kube.delete(`${path}/all`);
    await kube.delete(`${pods}/shared?gracePeriodSeconds=0`);
  });

  test('routes a network that comes later, and drops one that it is no longer for', async () => {
    await router('late', { networks: [{ name: 'blue' }, { name: 'green' }], addresses: ['198.51.100.15'] });
    const before = await settled('late', ({ conditions }) => conditions?.[0]?.reason === 'NetworkMissing');
    expect(before).toMatchObject({ addresses: ['198.51.100.15'], networks: ['default-domain:k8s-dev:blue'] });
    await network('green', '10.73.0.0/24');
    await settled('late', ({ networks }) => networks?.length === 2);
    await kube.patch(`${IN_DEV}/logicalrouters/late`, { spec: { networks: [{ name: 'green' }] } });
    await settled('late', ({ networks }) => networks?.join() === 'default-domain:k8s-dev:green');
    await eventually(async () => (await portsLeft()) === 1);
  });

  test('a network that is deleted is not held up by its routers', async () => {
    await kube.delete(`${IN_DEV}/virtualnetworks/green`);
    const { conditions } = await settled('late', ({ networks }) => networks?.length === 0);
    expect(conditions?.[0]?.message).toContain('default-domain:k8s-dev:green not there');
    await eventually(async () => (await contrail.readByName('virtual-network', [...PROJECT, 'green'])) === undefined);
    await network('green', '10.73.0.0/24');
    await settled('late', ({ networks }) => networks?.join() === 'default-domain:k8s-dev:green');
  });

  test('nor is that of a definition', async () => {
    await installAttachments(kube);
    await createAttachment(kube, {
      namespace: 'dev',
      name: 'red',
      annotations: { 'opencontrail.org/cidr': '10.74.0.0/24' },
    });
    const red = { kind: 'NetworkAttachmentDefinition', name: 'red' };
    await kube.patch(`${IN_DEV}/logicalrouters/late`, { spec: { networks: [red] } });
    await settled('late', ({ networks }) => networks?.length === 1);
    await kube.delete(`/apis/k8s.cni.cncf.io/v1/namespaces/dev/network-attachment-definitions/red`);
    await settled('late', ({ networks }) => networks?.length === 0);
    await eventually(async () => (await portsLeft()) === 0);
  });

  test('nor is a namespace’s own, once that is isolated no longer, nor an app’s without pods', async () => {
    const namespace = '/api/v1/namespaces/shop';
    await kube.post('/api/v1/namespaces', { metadata: { name: 'shop', annotations: { [ISOLATION]: 'app' } } });
    await kube.post(`${namespace}/pods`, {
      metadata: { name: 'web', labels: { 'opencontrail.org/name': 'web' } },
      spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'none' }] },
    });
    await firstPort(kube, 'shop', 'web');
    const path = `${GROUP}/namespaces/shop/logicalrouters`;
    const networks = [{ kind: 'Namespace' }, { kind: 'App', name: 'web' }];
    await kube.post(path, {
      apiVersion,
      kind: 'LogicalRouter',
      metadata: { name: 'egress' },
      spec: { pool: 'public', networks },
    });
    const routed = async (count: number): Promise<Status> =>
      await settledStatus<Status>(kube, `${path}/egress`, (status) => status.networks?.length === count);
    await routed(2);
    await kube.delete(`${namespace}/pods/web?gracePeriodSeconds=0`);
    await routed(1);
    await kube.patch(namespace, { metadata: { annotations: { [ISOLATION]: null } } });
    const { conditions } = await routed(0);
    expect(conditions?.[0]).toMatchObject({ status: 'False', reason: 'NetworkMissing' });
    await eventually(async () =>
      (await contrail.list('virtual-network')).every(({ fq_name: [, project] }) => project !== 'k8s-shop'),
    );
    await kube.patch(namespace, { metadata: { annotations: { [ISOLATION]: 'true' } } });
    await routed(1);
  });

  test('has several addresses, and each is taken away with it', async () => {
    const addresses = ['198.51.100.16', '198.51.100.17', '198.51.100.18'];
    await router('wide', { networks: [{ name: 'blue' }], addresses });
    const ready = await settled('wide', ({ conditions }) => conditions?.[0]?.status === 'True');
    expect(ready.addresses).toEqual(addresses);
    await kube.delete(`${IN_DEV}/logicalrouters/wide`);
    await gone(addresses);
  });

  test('an address that stays is not touched when others come and go', async () => {
    const path = `${IN_DEV}/logicalrouters/changing`;
    await router('changing', { networks: [{ name: 'blue' }] });
    const [first = ''] = (await settled('changing', ({ addresses }) => addresses?.length === 1)).addresses ?? [];
    expect(first).toMatch(/^198\.51\.100\.1[0-9]$/);
    // What the pool has chosen may be named.
    const become = async (addresses: readonly string[] | null): Promise<ReadonlyMap<string, string>> => {
      await kube.patch(path, { spec: { addresses } });
      const wanted = (addresses ?? [first]).join();
      await settled('changing', (status) => status.addresses?.join() === wanted);
      return await held();
    };
    const [uuid, others] = [(await held()).get(first), ['198.51.100.190', '198.51.100.191', '198.51.100.192']];
    const three = await become([first, others[0]!, others[1]!]);
    expect(three.get(first)).toBe(uuid);
    const two = await become([first, others[2]!]);
    expect(two.get(first)).toBe(uuid);
    expect(two.has(others[0]!)).toBe(false);
    expect((await become(null)).get(first)).toBe(uuid);
    // Somebody else's: what there is stays until it can be had.
    await kube.patch(path, { spec: { addresses: ['198.51.100.15'] } });
    const refused = await settled('changing', ({ conditions }) => conditions?.[0]?.reason === 'AddressRefused');
    expect(refused.addresses).toEqual([first]);
    expect((await held()).get(first)).toBe(uuid);
    // All of them, as many as there may be.
    const [low, high] = [0, 16].map((from) => Array.from({ length: 16 }, (_, at) => `198.51.100.${100 + from + at}`));
    await become(low!);
    await become(high!);
    await kube.delete(path);
    await gone(high!);
  });

  test('says why an address cannot be had', async () => {
    await router('taken', { networks: [{ name: 'blue' }], addresses: ['198.51.100.15'] });
    const { conditions } = await settled('taken', (status) => status.conditions?.[0]?.reason === 'AddressRefused');
    expect(conditions?.[0]?.message).toContain('198.51.100.15 of pool public cannot be had');
  });

  test.each([
    [{ networks: [{ kind: 'Namespace', name: 'billing' }] }, /unless it is the namespace's own/],
    [{ networks: [{ kind: 'Cluster' }] }, /Unsupported value/],
    [{ networks: [{ name: 'blue' }], addresses: ['198.51.100.16', '198.51.100.16'] }, /Duplicate value/],
  ])('the API server refuses %j', async (spec, message) => {
    await expect(router('refused', spec)).rejects.toThrow(message);
  });
});

async function network(name: string, cidr: string): Promise<void> {
  const spec = { subnets: [{ cidr }] };
  await kube.post(`${IN_DEV}/virtualnetworks`, { apiVersion, kind: 'VirtualNetwork', metadata: { name }, spec });
}

async function router(name: string, spec: object): Promise<void> {
  const body = { apiVersion, kind: 'LogicalRouter', metadata: { name }, spec: { pool: 'public', ...spec } };
  await kube.post(`${IN_DEV}/logicalrouters`, body);
}

/** The status, once it is as it should be. */
async function settled(name: string, is: (status: Status) => boolean): Promise<Status> {
  return await settledStatus(kube, `${IN_DEV}/logicalrouters/${name}`, is);
}

async function objectOf(name: string): Promise<LogicalRouter | undefined> {
  return (await contrail.readByName('logical-router', [...PROJECT, name])) as LogicalRouter | undefined;
}

/** The addresses of routers, and by which objects they have them. */
async function held(): Promise<ReadonlyMap<string, string>> {
  const found = await contrail.list('floating-ip', { detail: true });
  return new Map(found.map(({ uuid, floating_ip_address: address }) => [String(address), uuid]));
}

async function gone(addresses: readonly string[]): Promise<void> {
  await eventually(async () => {
    const left = await held();
    return !addresses.some((address) => left.has(address));
  });
}

/** How many ports of routers there are. */
async function portsLeft(): Promise<number> {
  const found = await contrail.list('virtual-machine-interface');
  return found.filter(({ fq_name: fqName }) => fqName.at(-1)?.includes('__LogicalRouter__')).length;
}
