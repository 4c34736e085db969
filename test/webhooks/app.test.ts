/** The HTTPS side: envelope, limits, probes, client certificates, and a certificate replaced while connections live. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Registry } from 'prom-client';
import request from 'supertest';
import { createAuthority, issueServing, type Pair } from '../../certs/issue.ts';
import { createNames } from '../../contrail/names.ts';
import { createLogger } from '../../runtime/log.ts';
import { createApp } from '../../webhooks/app.ts';
import { callerBy } from '../../webhooks/caller.ts';
import type { ClusterView } from '../../webhooks/handlers/handler.ts';
import { run } from '../lab/command.ts';
import { createWebhookMetrics } from '../../webhooks/metrics.ts';
import { createTlsServer, type TlsServer } from '../../webhooks/server.ts';

/** Machines that test are busy: a bound on hanging, not an expectation. */
jest.setTimeout(120_000);

const now = Date.now();
const authority = createAuthority('test', { now, days: 2 });
const serving = issueServing(authority, ['127.0.0.1'], { now, days: 1 });
const view: ClusterView = {
  context: { clusterName: 'k8s', defaultMode: 'cluster', names: createNames({ cluster: 'k8s', domain: 'd' }) },
  namespace: { name: 'dev', uid: 'u', labels: {}, annotations: {} },
  podCidrs: ['10.32.0.0/12'],
};

let server: TlsServer;
let url: string;
let registry: Registry;
let unready: string | undefined;
let agents: Agent[];

beforeEach(async () => {
  agents = [];
  unready = undefined;
  await start();
});
afterEach(async () => {
  for (const agent of agents) agent.destroy();
  await server.close();
});

async function start(
  options: { readonly clientCa?: string; readonly view?: () => Promise<ClusterView> } = {},
): Promise<void> {
  registry = new Registry();
  const app = createApp({
    view: options.view ?? (() => view),
    checks: [{ name: 'cache', unready: () => unready }],
    registry,
    metrics: createWebhookMetrics(registry),
    log: createLogger('test', 'silent'),
    caller: callerBy(options.clientCa),
  });
  const { clientCa } = options;
  server = createTlsServer(app, { host: '127.0.0.1', port: 0, ...(clientCa === undefined ? {} : { clientCa }) });
  expect(server.use(serving)).toBe(true);
  url = `https://127.0.0.1:${(await server.listening).port}`;
}

async function restart(options: Parameters<typeof start>[0]): Promise<void> {
  await server.close();
  await start(options);
}

/** A certificate for clients, which our own library has no business making. */
async function clientCertificate(by: Pair): Promise<Pair> {
  const folder = mkdtempSync(join(tmpdir(), 'oc-client-'));
  const path = (name: string): string => join(folder, name);
  writeFileSync(path('ca.crt'), by.cert);
  writeFileSync(path('ca.key'), by.key);
  const key = ['-newkey', 'rsa:2048', '-nodes', '-keyout', path('key')];
  const signer = ['-CA', path('ca.crt'), '-CAkey', path('ca.key'), '-addext', 'extendedKeyUsage=clientAuth'];
  await run('openssl', [
    'req',
    '-x509',
    ...key,
    '-subj',
    '/CN=apiserver',
    '-days',
    '1',
    ...signer,
    '-out',
    path('crt'),
  ]);
  const pair = { cert: readFileSync(path('crt'), 'utf8'), key: readFileSync(path('key'), 'utf8') };
  rmSync(folder, { recursive: true });
  return pair;
}

/** A review as an API server of some version to come sends it: with fields that nobody knows yet. */
function review(
  changes: object = {},
  object: object = { metadata: { generateName: 'x-' }, spec: { containers: [] } },
): object {
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    novelty: true,
    request: {
      uid: 'the-call',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      requestKind: {},
      operation: 'CREATE',
      namespace: 'dev',
      userInfo: { username: 'alice', extra: { a: ['b'] } },
      object,
      oldObject: null,
      dryRun: false,
      options: { kind: 'CreateOptions' },
      novelty: {},
      ...changes,
    },
  };
}

const get = async (path: string) => await request(url).get(path).ca(authority.cert);
const post = (path: string) => request(url).post(path).ca(authority.cert);

describe('the envelope', () => {
  test("a patch is answered with the call's uid, the type and base64", async () => {
    const { status, body } = await post('/mutate/pods').send(review());
    expect(status).toBe(200);
    expect(body).toMatchObject({
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      response: { uid: 'the-call', allowed: true, patchType: 'JSONPatch' },
    });
    const { response } = body as { response: { patch: string; auditAnnotations: object } };
    expect(JSON.parse(Buffer.from(response.patch, 'base64').toString())).toMatchObject([
      { op: 'add', path: '/metadata/annotations' },
    ]);
    expect(response.auditAnnotations).toMatchObject({
      mode: 'cluster',
      network: 'd:k8s-default:k8s-default-pod-network',
    });
  });

  test('nothing to patch is answered without a patch', async () => {
    const { body } = await post('/validate/pods').send(review());
    expect((body as { response: object }).response).toEqual({
      uid: 'the-call',
      allowed: true,
      auditAnnotations: { decision: 'unassigned' },
    });
  });

  test('a denial is an answer, with code, reason and message', async () => {
    const object = { metadata: { annotations: { 'opencontrail.org/mac': 'x' } } };
    const { status, body } = await post('/mutate').send(review({}, object));
    expect(status).toBe(200);
    expect(body).toMatchObject({
      response: {
        uid: 'the-call',
        allowed: false,
        status: { code: 422, reason: 'Invalid', message: expect.stringContaining('"x"') },
      },
    });
  });

  test('what we have no handler for is admitted', async () => {
    const { body } = await post('/mutate').send(
      review({ resource: { group: 'apps', version: 'v1', resource: 'pods' } }),
    );
    expect(body).toMatchObject({ response: { allowed: true } });
  });

  test('our own failure is no decision: 500, which the failure policy judges', async () => {
    await restart({ view: async () => await Promise.reject(new Error('the API server is away')) });
    const { status, body } = await post('/mutate').send(review());
    expect([status, body]).toEqual([
      500,
      { apiVersion: 'v1', kind: 'Status', status: 'Failure', code: 500, message: 'the API server is away' },
    ]);
    expect(await registry.metrics()).toContain(
      'opencontrail_admission_requests_total{webhook="mutate",operation="CREATE",decision="error"} 1',
    );
  });
});

describe('limits', () => {
  test.each([
    ['another content type', 415, 'text/plain', JSON.stringify(review())],
    ['no JSON', 400, 'application/json', '{'],
    ['JSON that is no review', 400, 'application/json', '{"kind":"Pod"}'],
    ['a review without a uid', 400, 'application/json', JSON.stringify(review({ uid: '' }))],
    [
      'a review of another version',
      400,
      'application/json',
      JSON.stringify({ ...review(), apiVersion: 'admission.k8s.io/v1beta1' }),
    ],
    [
      'a body over 3 MiB',
      413,
      'application/json',
      JSON.stringify(review({}, { metadata: { annotations: { big: 'x'.repeat(3 * 1024 * 1024) } } })),
    ],
  ])('%s is answered with %i and a Status', async (_name, code, type, body) => {
    const answer = await post('/mutate').set('content-type', type).send(body);
    expect(answer.status).toBe(code);
    expect(answer.body).toMatchObject({ kind: 'Status', status: 'Failure', code });
  });

  test('a body just under 3 MiB is judged', async () => {
    const { status } = await post('/mutate').send(
      review({}, { metadata: { annotations: { big: 'x'.repeat(3 * 1024 * 1024 - 2000) } } }),
    );
    expect(status).toBe(200);
  });

  test('other paths and methods are 404', async () => {
    const answers = await Promise.all([
      request(url).get('/mutate').ca(authority.cert),
      post('/other').send(review()),
      request(url).put('/mutate').ca(authority.cert),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404]);
  });
});

test('probes tell life from readiness', async () => {
  expect((await get('/readyz')).status).toBe(200);
  unready = 'not listed yet';
  expect(await get('/readyz')).toMatchObject({ status: 503, text: 'cache: not listed yet\n' });
  expect((await get('/healthz')).status).toBe(200);
});

test('with a client CA, callers show a certificate of it, and probes need none', async () => {
  const clients = createAuthority('clients', { now, days: 1 });
  const good = await clientCertificate(clients);
  const bad = issueServing(authority, ['apiserver'], { now, days: 1 });
  await restart({ clientCa: clients.cert });
  const as = async (pair: Pair) => await post('/mutate').cert(pair.cert).key(pair.key).send(review());
  expect((await post('/mutate').send(review())).status).toBe(401);
  expect((await as(bad)).status).toBe(401);
  expect((await as(good)).status).toBe(200);
  expect((await request(url).get('/healthz').ca(authority.cert)).status).toBe(200);
});

describe('the certificate', () => {
  test('is replaced for new connections, while old ones go on', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: authority.cert });
    agents.push(agent);
    const kept = async () => await request(url).post('/mutate').agent(agent).send(review());
    const other = createAuthority('other', { now, days: 2 });
    expect((await kept()).status).toBe(200);
    expect(server.use(issueServing(other, ['127.0.0.1'], { now, days: 1 }))).toBe(true);
    expect((await request(url).post('/mutate').ca(other.cert).send(review())).status).toBe(200);
    await expect(request(url).post('/mutate').ca(authority.cert).send(review())).rejects.toThrow(/certificate/);
  });

  test('that is no pair with its key is refused, and the last good one stays', async () => {
    const other = issueServing(authority, ['127.0.0.1'], { now, days: 1 });
    expect(server.use({ cert: other.cert, key: serving.key })).toBe(false);
    expect(server.use({ cert: 'nonsense', key: 'nonsense' })).toBe(false);
    expect((await post('/mutate').send(review())).status).toBe(200);
  });

  test('serves nobody who speaks less than TLS 1.2', async () => {
    const agent = new Agent({
      ca: authority.cert,
      maxVersion: 'TLSv1.1',
      minVersion: 'TLSv1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    });
    agents.push(agent);
    await expect(request(url).get('/healthz').agent(agent)).rejects.toThrow();
  });
});
