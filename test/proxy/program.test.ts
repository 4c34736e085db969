/** The program as it runs: a real API server, a real HAProxy, and what users see of both. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createAuthority, issueServing } from '../../certs/issue.ts';
import type { KubeClient } from '../../kubernetes/client.ts';
import { hasApiServer, startApiServer, type TestApiServer } from '../kubernetes/apiserver.ts';
import { eventually, freePort, type Program, startProgram } from '../workers/programs.ts';
import { ingressManifest, type IngressSpec } from './objects.ts';
import { ask, askTls, machineAddress, startUpstream, type Upstream } from './upstreams.ts';

const described = hasApiServer ? describe : describe.skip;
const NETWORKING = '/apis/networking.k8s.io/v1';
const folder = mkdtempSync(join(tmpdir(), 'oc-proxy-'));

let server: TestApiServer;
let kube: KubeClient;
let program: Program;
let upstream: Upstream;
let [httpPort, httpsPort] = [0, 0];

described('the program', () => {
  beforeAll(async () => {
    [server, upstream] = await Promise.all([startApiServer(), startUpstream('web', machineAddress())]);
    [httpPort, httpsPort] = [await freePort(), await freePort()];
    kube = server.client();
    await prepare();
    program = startProgram('proxy/main.ts', {
      kubeconfig: server.kubeconfig(),
      folder,
      'http-port': String(httpPort),
      'https-port': String(httpsPort),
      'secret-interval': '0.2',
      drain: '5',
      listen: `127.0.0.1:${await freePort()}`,
    });
  }, 120_000);

  afterAll(async () => {
    await program.kill('SIGTERM');
    await Promise.all([server.stop(), upstream.stop()]);
    rmSync(folder, { recursive: true });
  });

  test('serves an Ingress and writes the addresses of its proxies into the status', async () => {
    await create({ rules: { 'a.example': [{ to: 'web', port: 'http' }] } });
    await eventually(async () => (await ask(httpPort, 'a.example')).name === 'web');
    await eventually(async () => JSON.stringify(await statusOf('web')).includes('192.0.2.11'));
    expect(await statusOf('web')).toEqual({ loadBalancer: { ingress: [{ ip: '192.0.2.11' }] } });
  });

  test('follows the address of its Service’s load balancer', async () => {
    const status = { loadBalancer: { ingress: [{ ip: '203.0.113.9' }] } };
    await kube.patch('/api/v1/namespaces/opencontrail/services/proxy/status', { status });
    await eventually(async () => JSON.stringify(await statusOf('web')).includes('203.0.113.9'));
  });

  test('tells what is missing by an Event, and serves it when it is there', async () => {
    await create({ name: 'late', rules: { 'late.example': [{ to: 'late' }] } });
    const event = await eventually(async () =>
      (await kube.list('/api/v1/namespaces/shop/events')).items.find(({ reason }) => reason === 'ServiceNotFound'),
    );
    expect(event).toMatchObject({ involvedObject: { kind: 'Ingress', name: 'late' }, type: 'Warning' });
    expect((await ask(httpPort, 'late.example')).status).toBe(503);
    await createService('shop', 'late', { address: machineAddress(), port: upstream.port });
    await eventually(async () => (await ask(httpPort, 'late.example')).name === 'web');
  });

  test('follows a Secret from its absence through its renewal', async () => {
    const rules = { 'tls.example': [{ to: 'web' }] };
    await create({ name: 'tls', rules, tls: [{ hosts: ['tls.example'], secretName: 'tls' }] });
    await expect(askTls(httpsPort, 'tls.example')).rejects.toThrow();
    const path = '/api/v1/namespaces/shop/secrets';
    await kube.post(path, { ...secret('first.example'), metadata: { name: 'tls' }, type: 'kubernetes.io/tls' });
    await eventually(async () => (await askTls(httpsPort, 'tls.example')).subject === 'first.example');
    await kube.patch(`${path}/tls`, secret('second.example'));
    await eventually(async () => (await askTls(httpsPort, 'tls.example')).subject === 'second.example');
  });

  test('forgets an Ingress that is deleted, or becomes another class’s', async () => {
    await kube.patch(`${NETWORKING}/namespaces/shop/ingresses/late`, { spec: { ingressClassName: 'other' } });
    await eventually(async () => (await ask(httpPort, 'late.example')).status === 404);
    await kube.delete(`${NETWORKING}/namespaces/shop/ingresses/web`);
    await eventually(async () => (await ask(httpPort, 'a.example')).status === 404);
  });

  test('serves on while the API server is away', async () => {
    await create({ name: 'lasting', rules: { 'lasting.example': [{ to: 'web' }] } });
    await eventually(async () => (await ask(httpPort, 'lasting.example')).name === 'web');
    await server.kill();
    expect(await ask(httpPort, 'lasting.example')).toMatchObject({ name: 'web' });
    await server.restart();
    await kube.delete(`${NETWORKING}/namespaces/shop/ingresses/lasting`);
    await eventually(async () => (await ask(httpPort, 'lasting.example')).status === 404);
  });
});

/** Namespaces, the class, the Service of the proxies and one behind them. */
async function prepare(): Promise<void> {
  for (const name of ['shop', 'opencontrail']) await kube.post('/api/v1/namespaces', { metadata: { name } });
  const controller = 'opencontrail.org/ingress';
  await kube.post(`${NETWORKING}/ingressclasses`, { metadata: { name: 'opencontrail' }, spec: { controller } });
  await createService('opencontrail', 'proxy', { address: '192.0.2.11', port: 80 });
  await createService('shop', 'web', { address: machineAddress(), port: upstream.port });
}

async function createService(
  namespace: string,
  name: string,
  endpoint: { readonly address: string; readonly port: number },
): Promise<void> {
  const port = { name: 'http', protocol: 'TCP' };
  const spec = { type: 'LoadBalancer', ports: [{ ...port, port: 80 }] };
  await kube.post(`/api/v1/namespaces/${namespace}/services`, { metadata: { name }, spec });
  await kube.post(`/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`, {
    metadata: { name: `${name}-1`, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    ports: [{ ...port, port: endpoint.port }],
    endpoints: [{ addresses: [endpoint.address] }],
  });
}

async function create(spec: IngressSpec): Promise<void> {
  await kube.post(`${NETWORKING}/namespaces/shop/ingresses`, ingressManifest(spec));
}

async function statusOf(name: string): Promise<unknown> {
  return (await kube.get(`${NETWORKING}/namespaces/shop/ingresses/${name}`))?.['status'];
}

const validity = { now: Date.now(), days: 1 };
const authority = createAuthority('test', validity);

function secret(name: string): object {
  const { cert, key } = issueServing(authority, [name], validity);
  return { stringData: { 'tls.crt': cert, 'tls.key': key } };
}
