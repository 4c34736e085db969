/** Addresses of a pool that several claim, by a worker between a real API server, a real Redis and the embedded config API. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import type { KubeClient } from '../../kubernetes/client.ts';
import { loadBalancerAddresses } from '../../kubernetes/services.ts';
import { type Bed, type Conditioned, settledStatus, startBed } from './bed.ts';
import { loseRedis } from './loss.ts';
import { eventually } from './programs.ts';
import { withApiServer } from './with-apiserver.ts';

jest.setTimeout(120_000);

const apiVersion = 'opencontrail.org/v1alpha1';
const GROUP = `/apis/${apiVersion}`;
const IN_DEV = `${GROUP}/namespaces/dev`;
const SERVICES = '/api/v1/namespaces/dev/services';
/** What the pool has to give: three addresses. */
const RANGE = { start: '198.51.100.1', end: '198.51.100.3' };

interface Status extends Conditioned {
  readonly address?: string;
  readonly addresses?: readonly string[];
}

let bed: Bed;
let kube: KubeClient;

withApiServer('a pool', () => {
  beforeAll(async () => {
    bed = await startBed({}, 'token');
    kube = bed.api.kube;
    await kube.post('/api/v1/namespaces', { metadata: { name: 'dev' } });
    const spec = { subnets: [{ cidr: '198.51.100.0/28', allocationPools: [RANGE] }] };
    await make(`${GROUP}/floatingippools`, 'FloatingIPPool', 'public', spec);
    await make(`${IN_DEV}/virtualnetworks`, 'VirtualNetwork', 'blue', { subnets: [{ cidr: '10.20.0.0/24' }] });
  }, 120_000);

  afterAll(async () => bed?.stop());

  test('gives everybody the address that it had when Redis was lost, and nobody waits who did not before', async () => {
    await balancer('first');
    await eventually(async () => (await addressesOf('first')).length === 1);
    const [held = ''] = await addressesOf('first');
    const others = ['198.51.100.1', '198.51.100.2', '198.51.100.3'].filter((address) => address !== held);
    await make(`${IN_DEV}/floatingips`, 'FloatingIP', 'second', { pool: 'public', address: others[0] });
    await make(`${IN_DEV}/logicalrouters`, 'LogicalRouter', 'third', {
      pool: 'public',
      networks: [{ name: 'blue' }],
      addresses: [others[1]],
    });
    const had = { floatingips: 'second', logicalrouters: 'third' };
    for (const [resource, name] of Object.entries(had)) await settled(`${resource}/${name}`, 'True');
    // One without an address, and three that name those of others: also one that would come before them all.
    await balancer('empty');
    await balancer('a-bold', { loadBalancerIP: others[0] });
    await make(`${IN_DEV}/floatingips`, 'FloatingIP', 'a-bold', { pool: 'public', address: others[1] });
    await make(`${IN_DEV}/logicalrouters`, 'LogicalRouter', 'a-bold', {
      pool: 'public',
      networks: [{ name: 'blue' }],
      addresses: [held],
    });
    for (const resource of Object.keys(had)) await settled(`${resource}/a-bold`, 'False');
    await loseRedis(bed.redisUrl, bed.contrail);
    await eventually(async () => (await givenAddresses()).length === 3);
    for (const resource of Object.keys(had)) await settled(`${resource}/a-bold`, 'False');
    expect(await addressesOf('first')).toEqual([held]);
    expect((await settled('floatingips/second', 'True')).address).toBe(others[0]);
    expect((await settled('logicalrouters/third', 'True')).addresses).toEqual([others[1]]);
    expect(await Promise.all([addressesOf('empty'), addressesOf('a-bold')])).toEqual([[], []]);
  });

  test('gives a Service another address where its status says one that is somebody else’s', async () => {
    // Nobody else waits for its own, which comes back.
    for (const name of ['empty', 'a-bold']) await kube.delete(`${SERVICES}/${name}`);
    for (const resource of ['floatingips', 'logicalrouters']) await kube.delete(`${IN_DEV}/${resource}/a-bold`);
    const { address: held } = await settled('floatingips/second', 'True');
    const [own] = await addressesOf('first');
    await kube.patch(`${SERVICES}/first/status`, { status: { loadBalancer: { ingress: [{ ip: held }] } } });
    await eventually(async () => {
      const [now] = await addressesOf('first');
      return now !== undefined && now !== held;
    });
    expect(await addressesOf('first')).toEqual([own]);
    expect((await settled('floatingips/second', 'True')).address).toBe(held);
  });

  test('that goes leaves no address in the status of a Service', async () => {
    await kube.delete(`${GROUP}/floatingippools/public`);
    await eventually(async () => (await addressesOf('first')).length === 0);
  });
});

async function make(path: string, kind: string, name: string, spec: object): Promise<void> {
  await kube.post(path, { apiVersion, kind, metadata: { name }, spec });
}

async function balancer(name: string, spec: object = {}): Promise<void> {
  await kube.post(SERVICES, { metadata: { name }, spec: { type: 'LoadBalancer', ports: [{ port: 80 }], ...spec } });
}

async function addressesOf(service: string): Promise<readonly string[]> {
  const found = await kube.get(`${SERVICES}/${service}`);
  return found === undefined ? [] : loadBalancerAddresses(found);
}

async function settled(path: string, ready: 'True' | 'False'): Promise<Status> {
  return await settledStatus<Status>(kube, `${IN_DEV}/${path}`, ({ conditions }) => conditions?.[0]?.status === ready);
}

async function givenAddresses(): Promise<readonly unknown[]> {
  return (await bed.contrail.list('floating-ip', { detail: true })).map((object) => object['floating_ip_address']);
}
