/** The program at a real API server that knows the Gateway API: what it makes, serves, and says. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { KubeClient, KubeObject } from '../../kubernetes/client.ts';
import { hasApiServer, startApiServer, type TestApiServer } from '../kubernetes/apiserver.ts';
import { installGatewayApi } from '../kubernetes/resources.ts';
import { eventually, freePort, type Program, startProgram } from '../workers/programs.ts';
import { ask, machineAddress, startUpstream, type Upstream } from './upstreams.ts';

const described = hasApiServer ? describe : describe.skip;
const GROUP = '/apis/gateway.networking.k8s.io/v1';
const SERVICES = '/api/v1/namespaces/opencontrail/services';
const folder = mkdtempSync(join(tmpdir(), 'oc-proxy-'));

let server: TestApiServer;
let kube: KubeClient;
let program: Program;
let upstream: Upstream;

const versions = async () =>
  (await kube.list(`${GROUP}/httproutes`)).items.map(({ metadata }) => metadata.resourceVersion);

described('the program', () => {
  beforeAll(async () => {
    [server, upstream] = await Promise.all([startApiServer(), startUpstream('web', machineAddress())]);
    kube = server.client();
    await prepare();
    const first = await freePort();
    program = startProgram('proxy/main.ts', {
      kubeconfig: server.kubeconfig(),
      folder,
      'http-port': String(await freePort()),
      'https-port': String(await freePort()),
      'gateway-ports': `${first}-${first + 4}`,
      drain: '5',
      listen: `127.0.0.1:${await freePort()}`,
    });
  }, 120_000);

  afterAll(async () => {
    await program.kill('SIGTERM');
    await Promise.all([server.stop(), upstream.stop()]);
    rmSync(folder, { recursive: true });
  }, 60_000);

  test('serves a Gateway, by a Service of its own', async () => {
    await kube.post(`${GROUP}/gatewayclasses`, {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'GatewayClass',
      metadata: { name: 'ours' },
      spec: { controllerName: 'opencontrail.org/gateway' },
    });
    await create('gateways', 'web', {
      gatewayClassName: 'ours',
      listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }],
    });
    await create('httproutes', 'web', {
      parentRefs: [{ name: 'web' }],
      rules: [{ backendRefs: [{ name: 'web', port: 80 }] }],
    });
    const service = await eventually(async () => await gatewayService());
    expect(service['spec']).toMatchObject({
      type: 'LoadBalancer',
      externalTrafficPolicy: 'Local',
      selector: { app: 'proxy' },
    });
    await eventually(async () => (await ask(portsOf(service)[0]?.targetPort ?? 0, 'a.example')).name === 'web');
    // It is served before its status says so.
    await eventually(async () => (await reasonsOf('gateways'))['Programmed'] === 'AddressNotAssigned');
    expect(await reasonsOf('gateways')).toMatchObject({ Accepted: 'Accepted' });
    expect(conditions(await kube.get(`${GROUP}/gatewayclasses/ours`))).toMatchObject({ Accepted: 'Accepted' });
  });

  test('tells the address that its Service is given, and of which generation that is true', async () => {
    const { name } = (await gatewayService())?.metadata ?? { name: '' };
    await kube.patch(`${SERVICES}/${name}/status`, { status: { loadBalancer: { ingress: [{ ip: '203.0.113.9' }] } } });
    await eventually(async () => (await reasonsOf('gateways'))['Programmed'] === 'Programmed');
    const path = `${GROUP}/namespaces/shop/gateways/web`;
    const { metadata } = await kube.patch(path, {
      spec: { listeners: [{ name: 'http', port: 8080, protocol: 'HTTP', hostname: 'a.example' }] },
    });
    await eventually(async () => {
      const { status } = (await kube.get(path)) as { status?: { conditions: { observedGeneration: number }[] } };
      return status?.conditions.every(({ observedGeneration }) => observedGeneration === metadata.generation);
    });
    await eventually(async () => portsOf(await gatewayService())[0]?.port === 8080);
  });

  test('gives its Service labels and annotations, and takes them away again', async () => {
    const path = `${GROUP}/namespaces/shop/gateways/web`;
    const given = {
      labels: { team: 'web' },
      annotations: { 'opencontrail.org/fip-pool': 'public', 'example.org/a': '1' },
    };
    await kube.patch(path, { spec: { infrastructure: given } });
    await eventually(async () => (await serviceMetadata())?.labels?.['team'] === 'web');
    expect((await serviceMetadata())?.annotations).toMatchObject(given.annotations);
    await kube.patch(path, {
      spec: {
        infrastructure: { labels: null, annotations: { 'opencontrail.org/fip-pool': null, 'example.org/a': '2' } },
      },
    });
    await eventually(async () => (await serviceMetadata())?.annotations?.['example.org/a'] === '2');
    expect((await serviceMetadata())?.labels).not.toHaveProperty('team');
    expect((await serviceMetadata())?.annotations).not.toHaveProperty(['opencontrail.org/fip-pool']);
  });

  test('tells a route what it lacks, and of other parents nothing', async () => {
    await create('httproutes', 'lacking', {
      parentRefs: [{ name: 'web' }, { name: 'other' }],
      rules: [{ backendRefs: [{ name: 'gone', port: 80 }] }],
    });
    const told = await eventually(async () => {
      const found = await kube.get(`${GROUP}/namespaces/shop/httproutes/lacking`);
      return parentsOf(found);
    });
    expect(told).toHaveLength(1);
    expect(reasons(told[0]?.conditions ?? [])).toEqual({ Accepted: 'Accepted', ResolvedRefs: 'BackendNotFound' });
  });

  test('a listener whose port another program has goes to another port, and holds up nobody', async () => {
    const [{ targetPort } = { targetPort: 0 }] = portsOf(await gatewayService());
    const other = await listenAt(targetPort + 1);
    const listeners = [8080, 81].map((port) => ({ name: `p${port}`, port, protocol: 'HTTP' }));
    await kube.patch(`${GROUP}/namespaces/shop/gateways/web`, { spec: { listeners } });
    const inside = (port: number) => async () =>
      portsOf(await gatewayService()).find((each) => each.port === port)?.targetPort;
    const moved = await eventually(async () => {
      const port = await inside(81)();
      return port !== undefined && port !== targetPort + 1 && port;
    });
    await eventually(async () => (await ask(moved, 'a.example')).name === 'web');
    expect(await inside(8080)()).toBe(targetPort);
    expect((await ask(targetPort, 'a.example')).name).toBe('web');
    other.close();
  });

  test('writes nothing when nothing has changed', async () => {
    const before = await versions();
    await createService('other', { app: 'other' });
    await eventually(async () => (await reasonsOf('gateways'))['Accepted'] === 'Accepted');
    expect(await versions()).toEqual(before);
  });

  test('takes the Service with the Gateway, and its word from routes', async () => {
    await kube.delete(`${GROUP}/namespaces/shop/gateways/web`);
    await eventually(async () => (await gatewayService()) === undefined);
    await eventually(async () => Object.keys(await reasonsOf('httproutes')).length === 0);
  });
});

/** Another program's, at all addresses; where the port is taken already, it is that. */
async function listenAt(port: number): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve) => server.once('error', () => resolve()).listen(port, resolve));
  return server;
}

interface Spec {
  readonly ports: readonly { readonly port: number; readonly targetPort: number }[];
}
interface Condition {
  readonly type: string;
  readonly reason: string;
}
function parentsOf(
  route: KubeObject | undefined,
): readonly { readonly conditions: readonly Condition[] }[] | undefined {
  return (route?.['status'] as { readonly parents?: readonly { conditions: readonly Condition[] }[] } | undefined)
    ?.parents;
}

async function gatewayService(): Promise<KubeObject | undefined> {
  return (await kube.list(SERVICES, { labelSelector: 'opencontrail.org/gateway-uid' })).items[0];
}

const serviceMetadata = async () => (await gatewayService())?.metadata;

function portsOf(service: KubeObject | undefined): Spec['ports'] {
  return service === undefined ? [] : (service['spec'] as Spec).ports;
}

/** The reasons of conditions of the object named web: a Gateway's own, a route's of its first parent. */
async function reasonsOf(plural: string): Promise<Readonly<Record<string, string>>> {
  const found = await kube.get(`${GROUP}/namespaces/shop/${plural}/web`);
  return plural === 'gateways' ? conditions(found) : reasons(parentsOf(found)?.[0]?.conditions ?? []);
}

function conditions(object: KubeObject | undefined): Readonly<Record<string, string>> {
  return reasons(((object?.['status'] ?? {}) as { readonly conditions?: readonly Condition[] }).conditions ?? []);
}

function reasons(list: readonly Condition[]): Readonly<Record<string, string>> {
  return Object.fromEntries(list.map(({ type, reason }) => [type, reason]));
}

async function prepare(): Promise<void> {
  for (const name of ['shop', 'opencontrail']) await kube.post('/api/v1/namespaces', { metadata: { name } });
  await createService('proxy', { app: 'proxy' }, 'opencontrail');
  await createService('web', { app: 'web' });
  await kube.post('/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices', {
    metadata: { name: 'web-1', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    ports: [{ name: 'http', protocol: 'TCP', port: upstream.port }],
    endpoints: [{ addresses: [machineAddress()] }],
  });
  await installGatewayApi(kube);
}

async function createService(name: string, selector: object, namespace = 'shop'): Promise<void> {
  const ports = [{ name: 'http', protocol: 'TCP', port: 80 }];
  await kube.post(`/api/v1/namespaces/${namespace}/services`, { metadata: { name }, spec: { selector, ports } });
}

async function create(plural: string, name: string, spec: object): Promise<void> {
  const kind = plural === 'gateways' ? 'Gateway' : 'HTTPRoute';
  const body = { apiVersion: 'gateway.networking.k8s.io/v1', kind, metadata: { name }, spec };
  await kube.post(`${GROUP}/namespaces/shop/${plural}`, body);
}
