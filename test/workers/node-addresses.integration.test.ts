/** A pool of the segment that nodes stand in, by a worker between a real API server, a real Redis and the embedded config API. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import type { KubeClient } from '../../kubernetes/client.ts';
import { type Bed, type Conditioned, createNode, settledStatus, startBed } from './bed.ts';
import { eventually } from './programs.ts';
import { withApiServer } from './with-apiserver.ts';

jest.setTimeout(120_000);

const apiVersion = 'opencontrail.org/v1alpha1';
const GROUP = `/apis/${apiVersion}`;
const IN_DEV = `${GROUP}/namespaces/dev`;
/** Addresses are given from the last one down; .14 and .13 are the subnet's router and DNS server. */
const CIDR = '198.51.100.0/28';

interface Status extends Conditioned {
  readonly address?: string;
  readonly addresses?: readonly string[];
}

let bed: Bed;
let kube: KubeClient;

withApiServer('a worker', () => {
  beforeAll(async () => {
    bed = await startBed();
    kube = bed.api.kube;
    await createNode(kube, 'n1', '198.51.100.12');
    await kube.post('/api/v1/namespaces', { metadata: { name: 'dev' } });
    const spec = { subnets: [{ cidr: CIDR }] };
    await kube.post(`${GROUP}/floatingippools`, {
      apiVersion,
      kind: 'FloatingIPPool',
      metadata: { name: 'public' },
      spec,
    });
  }, 120_000);

  afterAll(async () => bed?.stop());

  test('a node’s address is passed over', async () => {
    await made('FloatingIP', 'first', {});
    expect(await ready('floatingips/first')).toMatchObject({ address: '198.51.100.11' });
  });

  test('a node that comes takes its address out of the pool', async () => {
    await createNode(kube, 'n2', '198.51.100.10');
    await eventually(async () => {
      const [network] = await bed.contrail.list('virtual-network', { fqNames: [POOL], detail: true });
      return !JSON.stringify(network).includes('"end":"198.51.100.10"') && JSON.stringify(network).includes('100.9"');
    });
    await made('FloatingIP', 'second', {});
    expect(await ready('floatingips/second')).toMatchObject({ address: '198.51.100.9' });
  });

  test.each([
    ['FloatingIP', 'floatingips', { address: '198.51.100.12' }],
    ['LogicalRouter', 'logicalrouters', { addresses: ['198.51.100.12'], networks: [{ name: 'blue' }] }],
  ])('a %s that asks for one is told whose it is', async (kind, resource, spec) => {
    await made(kind, 'bold', spec);
    const { conditions } = await settled(`${resource}/bold`, (status) => status.conditions?.[0]?.status === 'False');
    expect(conditions?.[0]).toMatchObject({
      reason: 'AddressRefused',
      message: expect.stringContaining('198.51.100.12 is an address of node n1'),
    });
  });

  test('so is a Service', async () => {
    const spec = { type: 'LoadBalancer', loadBalancerIP: '198.51.100.12', ports: [{ port: 80 }] };
    await kube.post('/api/v1/namespaces/dev/services', { metadata: { name: 'bold' }, spec });
    await told('AddressRefused', 'spec.loadBalancerIP: 198.51.100.12 is an address of node n1');
  });

  test('who had the address of a node that comes keeps it, and says so until the node has another', async () => {
    const spec = { type: 'LoadBalancer', ports: [{ port: 80 }] };
    await kube.post('/api/v1/namespaces/dev/services', { metadata: { name: 'web' }, spec });
    await eventually(async () => JSON.stringify(await statusOfWeb()).includes('198.51.100.8'));
    await createNode(kube, 'n3', '198.51.100.11');
    await createNode(kube, 'n4', '198.51.100.8');
    const shared = await settled('floatingips/first', ({ conditions }) => conditions?.[0]?.reason === 'AddressOfNode');
    expect(shared).toMatchObject({ address: '198.51.100.11' });
    expect(shared.conditions?.[0]?.message).toContain('node n3');
    await told('AddressOfNode', '198.51.100.8 is an address of node n4');
    expect(JSON.stringify(await statusOfWeb())).toContain('198.51.100.8');
    await kube.patch('/api/v1/nodes/n3/status', {
      status: { addresses: [{ type: 'InternalIP', address: '198.51.100.7' }] },
    });
    expect(await ready('floatingips/first')).toMatchObject({ address: '198.51.100.11' });
  });

  test('the address of a node that has gone may be had', async () => {
    await kube.delete('/api/v1/nodes/n1');
    expect(await ready('floatingips/bold')).toMatchObject({ address: '198.51.100.12' });
  });

  test('a pool that has nothing but addresses of nodes says so', async () => {
    const spec = { subnets: [{ cidr: CIDR, allocationPools: [{ start: '198.51.100.7', end: '198.51.100.8' }] }] };
    await kube.patch(`${GROUP}/floatingippools/public`, { spec });
    const status = await settledStatus<Conditioned>(
      kube,
      `${GROUP}/floatingippools/public`,
      ({ conditions }) => conditions?.[0]?.reason === 'AddressesTaken',
    );
    expect(status.conditions?.[0]?.message).toContain('addresses of nodes');
  });
});

const POOL = ['default-domain', 'k8s-default', 'k8s-public-floating-network'];

async function made(kind: string, name: string, spec: object): Promise<void> {
  const body = { apiVersion, kind, metadata: { name }, spec: { pool: 'public', ...spec } };
  await kube.post(`${IN_DEV}/${kind.toLowerCase()}s`, body);
}

async function ready(path: string): Promise<Status> {
  return await settled(path, ({ conditions }) => conditions?.[0]?.status === 'True');
}

async function settled(path: string, isMeant: (status: Status) => boolean): Promise<Status> {
  return await settledStatus(kube, `${IN_DEV}/${path}`, isMeant);
}

async function statusOfWeb(): Promise<unknown> {
  return (await kube.get('/api/v1/namespaces/dev/services/web'))?.['status'];
}

async function told(reason: string, words: string): Promise<void> {
  await eventually(async () => {
    const events = JSON.stringify(await kube.get('/api/v1/namespaces/dev/events'));
    return events.includes(reason) && events.includes(words);
  });
}
