/** FloatingIPs by a worker between a real API server, a real Redis and the embedded config API. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import type { ContrailClient } from '../../contrail/client.ts';
import type { FloatingIp } from '../../contrail/objects.ts';
import type { KubeClient } from '../../kubernetes/client.ts';
import { type Bed, type Conditioned, createNode, settledStatus, startBed } from './bed.ts';
import { eventually } from './programs.ts';
import { withApiServer } from './with-apiserver.ts';

jest.setTimeout(120_000);

const GROUP = '/apis/opencontrail.org/v1alpha1';
const IN_DEV = `${GROUP}/namespaces/dev/floatingips`;

interface Status extends Conditioned {
  readonly address?: string;
  readonly heldBy?: readonly string[];
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
    for (const name of ['dev', 'billing']) await kube.post('/api/v1/namespaces', { metadata: { name } });
    await pool('public', { namespaces: ['dev'] });
    for (const name of ['a', 'b']) await pod(name, { app: 'web', name });
  }, 120_000);

  afterAll(async () => bed?.stop());

  test('gives a pod an address, and hands it on to another one', async () => {
    await floating('moved', { pool: 'public', pod: 'a' });
    const first = await settled('moved', ({ heldBy }) => heldBy?.join() === 'Pod a');
    expect(first.conditions?.[0]).toMatchObject({ status: 'True', reason: 'Ready' });
    expect(first.address).toMatch(/^198\.51\.100\.1[0-9]$/);
    expect((await objectOf('moved'))?.virtual_machine_interface_refs).toHaveLength(1);
    await kube.patch(`${IN_DEV}/moved`, { spec: { pod: 'b' } });
    const second = await settled('moved', ({ heldBy }) => heldBy?.join() === 'Pod b');
    expect(second.address).toBe(first.address);
    await kube.delete(`${IN_DEV}/moved`);
    await eventually(async () => (await objectOf('moved')) === undefined);
  });

  test('keeps the address while its pod is away, and says so', async () => {
    await pod('brief', {});
    await floating('kept', {
      pool: 'public',
      address: '198.51.100.19',
      pod: 'brief',
      ports: [{ port: 80, targetPort: 8080 }],
    });
    await settled('kept', ({ heldBy }) => heldBy?.join() === 'Pod brief');
    expect(await objectOf('kept')).toMatchObject({
      floating_ip_address: '198.51.100.19',
      floating_ip_port_mappings_enable: true,
      floating_ip_port_mappings: { port_mappings: [{ protocol: 'tcp', src_port: 80, dst_port: 8080 }] },
    });
    await kube.delete('/api/v1/namespaces/dev/pods/brief?gracePeriodSeconds=0');
    const away = await settled('kept', ({ heldBy }) => heldBy?.length === 0);
    expect(away).toMatchObject({
      address: '198.51.100.19',
      conditions: [{ status: 'False', reason: 'HolderMissing' }],
    });
    expect((await objectOf('kept'))?.virtual_machine_interface_refs ?? []).toEqual([]);
    await pod('brief', {});
    await settled('kept', ({ heldBy }) => heldBy?.join() === 'Pod brief');
  });

  test('shares an address among the pods of a selector, outward for none', async () => {
    await floating('shared', { pool: 'public', selector: { matchLabels: { app: 'web' } } });
    await settled('shared', ({ heldBy }) => heldBy?.join() === 'Pod a,Pod b');
    expect((await objectOf('shared'))?.virtual_machine_interface_refs).toHaveLength(2);
  });

  test('is not the address that its Service says, and keeps, as one of type LoadBalancer', async () => {
    const path = '/api/v1/namespaces/dev/services/front';
    await kube.post('/api/v1/namespaces/dev/services', {
      metadata: { name: 'front' },
      spec: { ports: [{ port: 80 }] },
    });
    await floating('beside', { pool: 'public', service: 'front' });
    const { address } = await settled('beside', ({ heldBy }) => heldBy?.join() === 'Service front');
    await kube.patch(path, { spec: { type: 'LoadBalancer' } });
    const ingress = await eventually(async () => {
      const { status } = (await kube.get(path)) as unknown as {
        status?: { loadBalancer?: { ingress?: { ip: string }[] } };
      };
      return status?.loadBalancer?.ingress;
    });
    expect(ingress).toEqual([{ ip: expect.stringMatching(/^198\.51\.100\.1[0-9]$/), ipMode: 'VIP' }]);
    expect(ingress[0]?.ip).not.toBe(address);
    await kube.delete(path);
    await kube.delete(`${IN_DEV}/beside`);
  });

  test('has an address of the family that its pool has, where none is said', async () => {
    await pool('six', { subnets: [{ cidr: '2001:db8:6::/64' }] });
    await floating('six', { pool: 'six' });
    const { address } = await settled('six', ({ conditions }) => conditions?.[0]?.status === 'True');
    expect(address).toMatch(/^2001:db8:6:/);
    await kube.patch(`${GROUP}/floatingippools/six`, {
      spec: { subnets: [{ cidr: '203.0.113.0/24' }, { cidr: '2001:db8:6::/64' }] },
    });
    await floating('four', { pool: 'six' });
    expect((await settled('four', (status) => status.address !== undefined)).address).toMatch(/^203\.0\.113\./);
    await kube.patch(`${IN_DEV}/six`, { spec: { direction: 'Ingress' } });
    await eventually(async () => (await objectOf('six', 'six'))?.['floating_ip_traffic_direction'] === 'ingress');
    expect(await objectOf('six', 'six')).toMatchObject({
      floating_ip_address: address,
      floating_ip_address_family: 'v6',
    });
    await floating('chosen', { pool: 'six', address: '2001:db8:6::6' });
    await settled('chosen', (status) => status.address === '2001:db8:6::6');
  });

  test('is held by nobody who has no address of its family', async () => {
    await floating('odd', { pool: 'six', family: 'IPv6', pod: 'a' });
    const { heldBy, conditions } = await settled(
      'odd',
      ({ conditions: [one] = [] }) => one?.reason === 'HolderMissing',
    );
    expect(heldBy).toEqual([]);
    expect(conditions?.[0]?.message).toContain('Pod a is not there, or has no address of IPv6 itself');
  });

  test('stays as it is when its pool goes, and says so', async () => {
    await kube.delete(`${GROUP}/floatingippools/six`);
    const { address, conditions } = await settled('chosen', (status) => textOf(status).startsWith('NoPool'));
    expect([address, conditions?.[0]?.status]).toEqual(['2001:db8:6::6', 'False']);
    expect(await objectOf('chosen', 'six')).toMatchObject({ floating_ip_address: '2001:db8:6::6' });
  });

  test.each([
    ['nowhere', 'dev', { pool: 'none' }, /^NoPool: .*create it/],
    ['foreign', 'billing', { pool: 'public' }, /^PoolForbidden: .*add billing to its spec.namespaces/],
    ['outside', 'dev', { pool: 'public', address: '203.0.113.1' }, /^AddressRefused: .*not in pool public/],
    [
      'sixth',
      'dev',
      { pool: 'public', family: 'IPv6' },
      /^AddressRefused: spec.family: pool public .*no addresses of IPv6/,
    ],
    ['taken', 'dev', { pool: 'public', address: '198.51.100.19' }, /^AddressRefused: .*cannot be had/],
  ])('says why %s of %s cannot be', async (name, namespace, spec, refusal) => {
    await floating(name, spec, namespace);
    const status = await settled(name, ({ conditions = [] }) => conditions[0]?.status === 'False', namespace);
    expect(textOf(status)).toMatch(refusal);
  });

  test.each([
    [{ pool: 'public', pod: 'a', service: 'b' }, /at most one of pod, service and selector/],
    [{ pool: 'public', address: 'here' }, /must be an IP address/],
    [{ pool: 'public', address: 'fd00::1', family: 'IPv4' }, /family must be that of address/],
    [{ pool: 'public', service: 'a', ports: [{ port: 80 }] }, /leave out ports and direction/],
    [{ pool: 'public', ports: [{ port: 80 }, { port: 80 }] }, /once for each protocol/],
  ])('the API server refuses %j', async (spec, message) => {
    await expect(floating('refused', spec)).rejects.toThrow(message);
  });

  test('the API server refuses another address than before', async () => {
    const change = kube.patch(`${IN_DEV}/kept`, { spec: { address: '198.51.100.18' } });
    await expect(change).rejects.toThrow(/address cannot be changed/);
  });
});

async function pool(name: string, rest: object): Promise<void> {
  const [apiVersion, kind] = ['opencontrail.org/v1alpha1', 'FloatingIPPool'];
  const allocationPools = [{ start: '198.51.100.10', end: '198.51.100.19' }];
  const spec = { subnets: [{ cidr: '198.51.100.0/24', allocationPools }], ...rest };
  await kube.post(`${GROUP}/floatingippools`, { apiVersion, kind, metadata: { name }, spec });
}

async function pod(name: string, labels: Readonly<Record<string, string>>): Promise<void> {
  const spec = { nodeName: 'n1', containers: [{ name: 'c', image: 'none' }] };
  await kube.post('/api/v1/namespaces/dev/pods', { metadata: { name, labels }, spec });
}

async function floating(name: string, spec: object, namespace = 'dev'): Promise<void> {
  const [apiVersion, kind] = ['opencontrail.org/v1alpha1', 'FloatingIP'];
  await kube.post(`${GROUP}/namespaces/${namespace}/floatingips`, { apiVersion, kind, metadata: { name }, spec });
}

/** The status, once it is as it should be. */
async function settled(name: string, is: (status: Status) => boolean, namespace = 'dev'): Promise<Status> {
  return await settledStatus(kube, `${GROUP}/namespaces/${namespace}/floatingips/${name}`, is);
}

function textOf({ conditions: [first] = [] }: Status): string {
  return `${first?.reason}: ${first?.message}`;
}

async function objectOf(name: string, of = 'public'): Promise<FloatingIp | undefined> {
  const network = ['default-domain', 'k8s-default', `k8s-${of}-floating-network`, of];
  return (await contrail.readByName('floating-ip', [...network, `dev__${name}`])) as FloatingIp | undefined;
}
