/** The client, the reflector and Events against a real API server. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createReflector } from '../../kubernetes/cache.ts';
import type { KubeObject } from '../../kubernetes/client.ts';
import { hasStatus } from '../../kubernetes/errors.ts';
import { reportEvent } from '../../kubernetes/events.ts';
import { slimNamespace, slimPod } from '../../kubernetes/objects.ts';
import { readyAddresses, resolveService } from '../../runtime/discovery.ts';
import { createLogger } from '../../runtime/log.ts';
import { hasApiServer, startApiServer, type TestApiServer } from './apiserver.ts';
import { eventually } from './eventually.ts';

/** Machines that test are busy: a bound on hanging, not an expectation. */
jest.setTimeout(120_000);

const log = createLogger('test', 'silent');
const described = hasApiServer ? describe : describe.skip;
let server: TestApiServer;
let abort: AbortController;

described('with a real API server', () => {
  beforeAll(async () => {
    server = await startApiServer();
  }, 90_000);
  afterAll(async () => await server.stop());
  beforeEach(() => {
    abort = new AbortController();
  });
  afterEach(() => abort.abort());

  test('reads, writes, patches and deletes objects, and finds nothing where nothing is', async () => {
    const client = server.client();
    expect(await client.get('/api/v1/namespaces/absent')).toBeUndefined();
    await client.post('/api/v1/namespaces', namespace('one'));
    await client.patch('/api/v1/namespaces/one', {
      metadata: { annotations: { 'opencontrail.org/isolation': 'true' } },
    });
    expect((await client.get('/api/v1/namespaces/one'))?.metadata.annotations).toEqual({
      'opencontrail.org/isolation': 'true',
    });
    await client.delete('/api/v1/namespaces/absent');
    await expect(client.post('/api/v1/namespaces', namespace('one'))).rejects.toMatchObject({
      status: 409,
      reason: 'AlreadyExists',
    });
  });

  test('works the same with a kubeconfig file', async () => {
    const { createKubeClient } = await import('../../kubernetes/client.ts');
    const client = createKubeClient({ kubeconfig: server.kubeconfig('admin') });
    expect((await client.get('/api/v1/namespaces/default'))?.metadata.name).toBe('default');
  });

  test('reads a list page by page, all of one version', async () => {
    const client = server.client();
    await Promise.all(
      Array.from({ length: 7 }, (_, n) => client.post('/api/v1/namespaces/default/configmaps', configMap(`m${n}`))),
    );
    const pages = [];
    for await (const page of client.pages('/api/v1/namespaces/default/configmaps', { limit: 3 })) pages.push(page);
    expect(pages.map(({ items }) => items.length)).toEqual([3, 3, expect.any(Number)]);
    expect(new Set(pages.map(({ resourceVersion }) => resourceVersion)).size).toBe(1);
  });

  test('follows a list across a death of the API server, and sees a successor of the same name as another object', async () => {
    const client = server.client();
    const changes: string[] = [];
    const reflector = createReflector({
      client,
      path: '/api/v1/pods',
      project: slimPod,
      log,
      signal: abort.signal,
      onChange: ({ kind, object }) => changes.push(`${kind} ${object.name}`),
    });
    await reflector.whenSynced();
    await client.post('/api/v1/namespaces/default/pods', pod('p'));
    const first = await eventually(() => reflector.get('default/p'));
    await server.kill();
    expect(await eventually(() => reflector.stalenessMs() > 0)).toBe(true);
    await server.restart();
    await client.delete('/api/v1/namespaces/default/pods/p', { query: { gracePeriodSeconds: 0 } });
    await client.post('/api/v1/namespaces/default/pods', pod('p'));
    const second = await eventually(() =>
      reflector.get('default/p')?.uid === first.uid ? undefined : reflector.get('default/p'),
    );
    expect(second.uid).not.toBe(first.uid);
    // On its way out a pod may be seen once more, with its deletion timestamp.
    expect(changes.filter((change, index) => change !== changes[index - 1])).toEqual(['put p', 'delete p', 'put p']);
    expect(await eventually(() => reflector.stalenessMs() === 0)).toBe(true);
  }, 90_000);

  test('a delete with a UID spares a successor', async () => {
    const client = server.client();
    const { metadata } = await client.post('/api/v1/namespaces/default/configmaps', configMap('guarded'));
    const path = '/api/v1/namespaces/default/configmaps/guarded';
    const refusal: unknown = await client
      .delete(path, { uid: '00000000-0000-0000-0000-000000000000' })
      .catch((error: unknown) => error);
    expect(hasStatus(refusal, 409)).toBe(true);
    await client.delete(path, { uid: metadata.uid });
    expect(await client.get(path)).toBeUndefined();
  });

  test('the same report twice is one Event that counts two', async () => {
    const client = server.client();
    const { metadata } = await client.post('/api/v1/namespaces/default/pods', pod('sorry'));
    const object = { apiVersion: 'v1', kind: 'Pod', name: 'sorry', namespace: 'default', uid: metadata.uid };
    const report = { object, reason: 'AssignmentRefused', message: 'no such network', type: 'Warning' as const };
    await reportEvent(client, report);
    await reportEvent(client, report);
    const { items } = await client.list('/api/v1/namespaces/default/events', {
      fieldSelector: 'involvedObject.name=sorry',
    });
    expect(items.map((event) => [event['reason'], event['message'], event['count']])).toEqual([
      ['AssignmentRefused', 'no such network', 2],
    ]);
  });

  test('an Event about an object without a namespace is kept in the namespace default', async () => {
    const client = server.client();
    const raw = await client.get('/api/v1/namespaces/default');
    const object = { apiVersion: 'v1', kind: 'Namespace', name: 'default', uid: raw?.metadata.uid ?? '' };
    await reportEvent(client, { object, reason: 'ModeChanged', message: 'pods stay', type: 'Normal' });
    const { items } = await client.list('/api/v1/namespaces/default/events', {
      fieldSelector: 'involvedObject.kind=Namespace',
    });
    expect(items).toHaveLength(1);
  });

  test('finds the ready addresses of a Service', async () => {
    const client = server.client();
    await client.post('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      addressType: 'IPv4',
      metadata: { name: 's-1', labels: { 'kubernetes.io/service-name': 's' } },
      ports: [
        { name: 'https', port: 8082 },
        { name: 'other', port: 1 },
      ],
      endpoints: [
        { addresses: ['192.0.2.2'], conditions: { ready: true } },
        { addresses: ['192.0.2.1'], conditions: {} },
        { addresses: ['192.0.2.3'], conditions: { ready: false } },
      ],
    });
    const access = { apiServer: server.url, caFile: server.caFile, tokenFile: server.tokenFile('admin') };
    expect(await resolveService('default', 's', access)).toEqual(['192.0.2.1:8082', '192.0.2.2:8082']);
    expect(await resolveService('default', 's', { ...access, portName: 'other' })).toEqual([
      '192.0.2.1:1',
      '192.0.2.2:1',
    ]);
    expect(await resolveService('default', 'none', access)).toEqual([]);
  });
});

test('an IPv6 address is bracketed, and what is no list is refused', () => {
  const slice = { ports: [{ port: 6379 }], endpoints: [{ addresses: ['fd00::1'] }] };
  expect(readyAddresses({ items: [slice] })).toEqual(['[fd00::1]:6379']);
  expect(() => readyAddresses({ message: 'no' })).toThrow();
});

test('a slim namespace keeps our annotations only', () => {
  const raw = {
    metadata: {
      name: 'n',
      uid: 'u',
      resourceVersion: '1',
      annotations: { 'opencontrail.org/isolation': 'true', other: 'x' },
    },
  };
  expect(slimNamespace(raw).annotations).toEqual({ 'opencontrail.org/isolation': 'true' });
});

function namespace(name: string): object {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
}

function configMap(name: string): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } };
}

function pod(name: string): Omit<KubeObject, 'metadata'> {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { containers: [{ name: 'c', image: 'i' }] } };
}
