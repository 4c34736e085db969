/** What an Ingress becomes in Contrail, and that it stays true: by the translation alone, and by a worker at real servers. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { desiredIngress } from '../../contrail/desired/ingress.ts';
import { annotationOf, type ContrailObject } from '../../contrail/objects.ts';
import { ingressInput } from '../../workers/desired/ingress.ts';
import type { SlimService } from '../../kubernetes/services.ts';
import { ingresses, ingressManifest, type IngressSpec } from '../proxy/objects.ts';
import { type Bed, startBed } from './bed.ts';
import { eventually } from './programs.ts';
import { settings } from './settings-for-tests.ts';
import { withApiServer } from './with-apiserver.ts';

jest.setTimeout(120_000);

const identity = { namespace: 'shop', labels: {}, annotations: {}, type: 'ClusterIP' };
const SERVICES: Readonly<Record<string, SlimService>> = {
  web: {
    ...identity,
    name: 'web',
    uid: 'w',
    clusterIPs: ['10.96.0.7'],
    ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
  },
  headless: { ...identity, name: 'headless', uid: 'h', clusterIPs: [], ports: [] },
};
const UID = '7f2c7a30-5f9e-4f0e-9f57-0e6f0f6b9b1a';

function objectsOf(spec: IngressSpec, addresses: readonly string[] = ['192.0.2.11']): readonly ContrailObject[] {
  const [ingress] = ingresses(spec);
  const input = ingressInput({ ...ingress!, uid: UID, addresses }, (name) => SERVICES[name]);
  return desiredIngress(input, settings);
}

function propertiesOf(objects: readonly ContrailObject[], type: string): readonly unknown[] {
  return objects
    .filter((object) => object.type === type)
    .map((object) => object[`${type.replaceAll('-', '_')}_properties`]);
}

describe('an Ingress', () => {
  test('is a load balancer of its UID, with a listener, a pool and a member for each path', () => {
    const objects = objectsOf({ rules: { 'a.example': [{ path: '/x', to: 'web', port: 'http' }] } });
    const [balancer, , pool, member] = objects;
    expect(objects.map(({ type }) => type)).toEqual([
      'loadbalancer',
      'loadbalancer-listener',
      'loadbalancer-pool',
      'loadbalancer-member',
    ]);
    expect(balancer).toMatchObject({
      uuid: UID,
      fq_name: ['default-domain', 'k8s-shop', `web__${UID}`],
      loadbalancer_properties: { vip_address: '192.0.2.11' },
    });
    expect(propertiesOf(objects, 'loadbalancer-listener')).toEqual([
      { protocol: 'HTTP', protocol_port: 80, admin_state: true },
    ]);
    expect(['type', 'host', 'path', 'pathType'].map((key) => annotationOf(pool!, key))).toEqual([
      'acl',
      'a.example',
      '/x',
      'Prefix',
    ]);
    expect(member).toMatchObject({ loadbalancer_member_properties: { address: '10.96.0.7', protocol_port: 8080 } });
    expect(annotationOf(member!, 'serviceName')).toBe('web');
  });

  test('with TLS has a second listener for each path of the hosts concerned', () => {
    const rules = { 'a.example': [{ to: 'web', port: 8080 }], 'b.example': [{ to: 'web', port: 8080 }] };
    const named = objectsOf({ rules, tls: [{ hosts: ['a.example'], secretName: 'tls' }] });
    expect(propertiesOf(named, 'loadbalancer-listener')).toMatchObject([
      { protocol: 'HTTP' },
      { protocol: 'TERMINATED_HTTPS', protocol_port: 443, sni_containers: ['shop__tls'] },
      { protocol: 'HTTP' },
    ]);
    const fallback = objectsOf({ fallback: { to: 'web', port: 8080 }, tls: [{ secretName: 'tls' }] });
    expect(propertiesOf(fallback, 'loadbalancer-listener')).toMatchObject([{}, { default_tls_container: 'shop__tls' }]);
  });

  test.each(['gone', 'headless'])('leaves a path to a Service that is %s out', (to) => {
    expect(objectsOf({ rules: { '': [{ to }] } }).map(({ type }) => type)).toEqual(['loadbalancer']);
  });

  test('has one place for a path that is asked for twice, and for a default back end another', () => {
    const twice = [
      { path: '/x', to: 'web', port: 8080 },
      { path: '/x', to: 'web', port: 8080 },
    ];
    const objects = objectsOf({ rules: { '': twice }, fallback: { to: 'web', port: 8080 } });
    expect(
      objects.filter(({ type }) => type === 'loadbalancer-pool').map((pool) => annotationOf(pool, 'type')),
    ).toEqual(['acl', 'default']);
  });
});

const NETWORKING = '/apis/networking.k8s.io/v1';

let bed: Bed;

withApiServer('a worker', () => {
  beforeAll(async () => {
    bed = await startBed();
    const { kube } = bed.api;
    await kube.post('/api/v1/namespaces', { metadata: { name: 'shop' } });
    const controller = 'opencontrail.org/ingress';
    await kube.post(`${NETWORKING}/ingressclasses`, { metadata: { name: 'opencontrail' }, spec: { controller } });
  }, 120_000);

  afterAll(async () => await bed.stop(), 60_000);

  test('follows an Ingress, its Services and its class, and takes everything away with it', async () => {
    const { kube } = bed.api;
    const path = `${NETWORKING}/namespaces/shop/ingresses`;
    await kube.post(path, ingressManifest({ rules: { '': [{ to: 'late' }] } }));
    await eventually(async () => (await balancersOf('Ingress')).length === 1);
    expect(await addresses()).toEqual([]);
    const ports = [{ name: 'http', protocol: 'TCP', port: 80 }];
    const { spec } = await kube.post('/api/v1/namespaces/shop/services', {
      metadata: { name: 'late' },
      spec: { ports },
    });
    const { clusterIP } = spec as { readonly clusterIP: string };
    await eventually(async () => (await addresses()).includes(clusterIP));
    await kube.patch(`${path}/web`, { spec: { ingressClassName: 'other' } });
    await eventually(async () => (await balancersOf('Ingress')).length === 0);
    expect(await addresses()).toEqual([]);
    await kube.patch(`${path}/web`, { spec: { ingressClassName: 'opencontrail' } });
    await eventually(async () => (await balancersOf('Ingress')).length === 1);
    await kube.delete(`${path}/web`);
    await kube.post(path, ingressManifest({ rules: { '': [{ to: 'late' }] } }));
    const again = await kube.get(`${path}/web`);
    await eventually(
      async () => JSON.stringify(await balancersOf('Ingress')) === JSON.stringify([again?.metadata.uid]),
    );
    await kube.delete(`${path}/web`);
    await eventually(async () => (await balancersOf('Ingress')).length === 0);
    expect((await listed('loadbalancer-pool')).filter((pool) => annotationOf(pool, 'type') !== undefined)).toEqual([]);
  });
});

async function listed(type: string): Promise<readonly ContrailObject[]> {
  return await bed.contrail.list(type, { detail: true });
}

/** The UUIDs of the load balancers that are a kind's. */
async function balancersOf(kind: string): Promise<readonly string[]> {
  return (await listed('loadbalancer')).filter((each) => annotationOf(each, 'kind') === kind).map(({ uuid }) => uuid);
}

/** The addresses of members of Ingresses. */
async function addresses(): Promise<readonly unknown[]> {
  const members = (await listed('loadbalancer-member')).filter(
    (each) => annotationOf(each, 'serviceName') !== undefined,
  );
  return members.map((each) => (each['loadbalancer_member_properties'] as { readonly address: string }).address);
}
