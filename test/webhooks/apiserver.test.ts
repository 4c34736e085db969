/** A real API server calls the webhooks over TLS, by the chart's own configurations and policies. */
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { KubeClient, KubeObject } from '../../kubernetes/client.ts';
import { installResources } from '../kubernetes/resources.ts';
import { startApiServer, type TestApiServer } from '../kubernetes/apiserver.ts';
import { eventually } from '../kubernetes/eventually.ts';
import {
  canInstall,
  installConfigurations,
  namespaceBody,
  podBody,
  published,
  type Replica,
  refusalOf,
  startReplica,
} from './installation.ts';

/** Machines that test are busy: a bound on hanging, not an expectation. */
jest.setTimeout(120_000);

const ASSIGNMENT = 'opencontrail.org/assignment';
const ISOLATION = 'opencontrail.org/isolation';
const PORTS = 'opencontrail.org/ports';
const STATUS = 'opencontrail.org/status';
const CLUSTER_NETWORK = 'default-domain:k8s-default:k8s-default-pod-network';

const described = canInstall ? describe : describe.skip;
let server: TestApiServer;
let replica: Replica;
let alice: KubeClient;
let workers: KubeClient;

function pods(namespace: string): string {
  return `/api/v1/namespaces/${namespace}/pods`;
}

function bindingOf(name: string, annotations: Readonly<Record<string, string>> = {}): object {
  const target = { apiVersion: 'v1', kind: 'Node', name: 'n1' };
  return { apiVersion: 'v1', kind: 'Binding', metadata: { name, annotations }, target };
}

/** Waits until the API server enforces each of the chart's policies, which it reads a moment after they are written. */
async function enforced(): Promise<void> {
  await alice.post(pods('default'), podBody('probe'));
  const probe = `${pods('default')}/probe`;
  const options = { query: { dryRun: 'All' } };
  const patch = { metadata: { annotations: { [PORTS]: 'mine', [STATUS]: 'mine' } } };
  for (const forge of [
    async () => await alice.patch(probe, patch, 'application/merge-patch+json', options),
    async () => await alice.post(`${probe}/binding`, bindingOf('probe', { [PORTS]: 'mine' }), options),
    async () => await alice.patch('/api/v1/namespaces/default', patch, 'application/merge-patch+json', options),
  ]) {
    await eventually(async () => (await refusalOf(forge()))?.status === 403);
  }
  const rolled = deploymentBody({ 'opencontrail.org/ips': '10.32.0.10' });
  await eventually(
    async () => (await warningsAt(`${DEPLOYMENTS}?dryRun=All`, { method: 'POST', body: rolled })).length > 0,
  );
  const host = podBody('probe-host', { [PORTS]: 'mine' }, { hostNetwork: true });
  await eventually(
    async () => (await warningsAt(`${pods('default')}?dryRun=All`, { method: 'POST', body: host })).length > 0,
  );
}

const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';

function surge(maxSurge: number | string): object {
  return { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable: 1 } };
}

function deploymentBody(annotations: Readonly<Record<string, string>>, strategy?: object): object {
  const labels = { app: 'rolled' };
  const spec = { containers: [{ name: 'c', image: 'c' }] };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'rolled' },
    spec: { selector: { matchLabels: labels }, template: { metadata: { labels, annotations }, spec }, strategy },
  };
}

function networkOf(object: KubeObject): string {
  const text = object.metadata.annotations?.[ASSIGNMENT] ?? '{"interfaces":[{}]}';
  return (JSON.parse(text) as { interfaces: { network: string }[] }).interfaces[0]?.network ?? '';
}

described('with the chart installed', () => {
  beforeAll(async () => {
    server = await startApiServer();
    await installResources(server.client());
    [alice, workers] = [server.client('alice'), server.client('workers')];
    await alice.post('/api/v1/namespaces', namespaceBody('opencontrail'));
    replica = await startReplica(server);
    await installConfigurations(server.client(), replica.port);
    await published(server.client());
    await eventually(async () => {
      const pod = await alice.post('/api/v1/namespaces/default/pods', podBody('probe'), { query: { dryRun: 'All' } });
      return pod.metadata.annotations?.[ASSIGNMENT] !== undefined;
    });
    await enforced();
  }, 120_000);

  afterAll(async () => {
    await replica?.stop('SIGKILL');
    await server?.stop();
  });

  test("a pod that asks for nothing is put into the cluster's network", async () => {
    const pod = await alice.post(pods('default'), podBody('plain'));
    expect(networkOf(pod)).toBe(CLUSTER_NETWORK);
  });

  test('a namespace that asks for isolation gets networks of its own, a label, and its first pod is in them', async () => {
    const namespace = await alice.post('/api/v1/namespaces', namespaceBody('dev', { [ISOLATION]: 'true' }));
    const pod = await alice.post(pods('dev'), podBody('first'));
    expect(namespace.metadata.labels?.['opencontrail.org/mode']).toBe('namespace');
    expect(JSON.parse(namespace.metadata.annotations?.[ASSIGNMENT] ?? '')).toEqual({
      version: 1,
      mode: 'namespace',
      project: 'default-domain:k8s-dev',
      podNetwork: 'default-domain:k8s-dev:k8s-dev-pod-network',
      serviceNetwork: 'default-domain:k8s-dev:k8s-dev-service-network',
    });
    expect(networkOf(pod)).toBe('default-domain:k8s-dev:k8s-dev-pod-network');
  });

  test('a namespace follows its annotation, and nobody turns its assignment or label by hand', async () => {
    await alice.post('/api/v1/namespaces', namespaceBody('turn'));
    const isolated = await alice.patch('/api/v1/namespaces/turn', {
      metadata: { annotations: { [ISOLATION]: 'true' } },
    });
    expect(isolated.metadata.labels?.['opencontrail.org/mode']).toBe('namespace');
    const forged = await alice.patch('/api/v1/namespaces/turn', {
      metadata: { annotations: { [ASSIGNMENT]: 'mine' }, labels: { 'opencontrail.org/mode': 'cluster' } },
    });
    expect(forged.metadata.annotations?.[ASSIGNMENT]).toBe(isolated.metadata.annotations?.[ASSIGNMENT]);
    expect(forged.metadata.labels?.['opencontrail.org/mode']).toBe('namespace');
  });

  test.each([
    [ISOLATION, 'yes', 'write "true"'],
    ['opencontrail.org/network', '{"domain": "d"}', 'write the name of a VirtualNetwork'],
  ])('a namespace with %s: %s is refused and told what to write', async (annotation, value, mend) => {
    const refusal = await refusalOf(alice.post('/api/v1/namespaces', namespaceBody('bad', { [annotation]: value })));
    expect(refusal).toMatchObject({ status: 422 });
    for (const part of [annotation, value, mend]) expect(refusal?.message).toContain(part);
  });

  test('a pod is refused with the annotation, the value and the mend', async () => {
    const refusal = await refusalOf(
      alice.post(pods('default'), podBody('static', { 'opencontrail.org/mac': '01:00:00:00:00:01' })),
    );
    expect(refusal).toMatchObject({ status: 422 });
    expect(refusal?.message).toContain(
      'annotation opencontrail.org/mac: "01:00:00:00:00:01" is a group address; write',
    );
  });

  test('a dry run answers what a real call does, and leaves nothing', async () => {
    const dry = await alice.post(pods('default'), podBody('dry'), { query: { dryRun: 'All' } });
    expect(await alice.get(`${pods('default')}/dry`)).toBeUndefined();
    const wet = await alice.post(pods('default'), podBody('dry'));
    expect(dry.metadata.annotations).toEqual(wet.metadata.annotations);
  });

  test('results that come with a new pod are overwritten or taken away', async () => {
    const forged = { [ASSIGNMENT]: '{"version":1}', [PORTS]: '{}', 'k8s.v1.cni.cncf.io/network-status': '[]' };
    const pod = await alice.post(pods('default'), podBody('forged', forged));
    expect(Object.keys(pod.metadata.annotations ?? {})).toEqual([ASSIGNMENT]);
    expect(networkOf(pod)).toBe(CLUSTER_NETWORK);
  });

  test.each(['', '/status'])('only workers write ports, through pods%s', async (subresource) => {
    const name = `guarded${subresource.replace('/', '-')}`;
    const { metadata } = await alice.post(pods('default'), podBody(name));
    const patch = { metadata: { uid: metadata.uid, annotations: { [PORTS]: '{"version":1}' } } };
    const path = `${pods('default')}/${name}${subresource}`;
    const refusal = await refusalOf(alice.patch(path, patch));
    expect(refusal).toMatchObject({ status: 403 });
    expect(refusal?.message).toContain(`annotation ${PORTS} is written by OpenContrail alone`);
    expect((await workers.patch(path, patch)).metadata.annotations?.[PORTS]).toBe('{"version":1}');
  });

  test('a binding brings no result into a pod', async () => {
    await alice.post(pods('default'), podBody('bound'));
    const path = `${pods('default')}/bound/binding`;
    expect(await refusalOf(alice.post(path, bindingOf('bound', { [PORTS]: 'mine' })))).toMatchObject({ status: 403 });
    expect(await refusalOf(alice.post(path, bindingOf('bound')))).toBeUndefined();
  });

  test('only workers write reports on a namespace', async () => {
    await alice.post('/api/v1/namespaces', namespaceBody('reported'));
    const annotations = { 'opencontrail.org/network-ids': '{"version":1,"ids":{"k8s-reported-pod-network":1}}' };
    const forgery = alice.patch('/api/v1/namespaces/reported', { metadata: { annotations } });
    expect(await refusalOf(forgery)).toMatchObject({ status: 403 });
  });

  test('an assignment does not change, and other annotations do', async () => {
    await alice.post(pods('default'), podBody('fixed'));
    const path = `${pods('default')}/fixed`;
    expect(await refusalOf(alice.patch(path, { metadata: { annotations: { [ASSIGNMENT]: '{}' } } }))).toMatchObject({
      status: 403,
    });
    expect(await refusalOf(alice.patch(path, { metadata: { annotations: { [ASSIGNMENT]: null } } }))).toMatchObject({
      status: 403,
    });
    expect(
      await refusalOf(alice.patch(path, { metadata: { annotations: { note: 'x' }, labels: { a: 'b' } } })),
    ).toBeUndefined();
  });

  test("host-network pods, mirror pods and the system's pods are left alone", async () => {
    const host = await alice.post(pods('default'), podBody('host', undefined, { hostNetwork: true }));
    const system = await alice.post(pods('kube-system'), podBody('dns'));
    expect([host, system].map(({ metadata }) => metadata.annotations?.[ASSIGNMENT])).toEqual([undefined, undefined]);
  });

  const HOST = { hostNetwork: true };
  test.each([
    ['a pod of the host network', 'default', podBody('w', { 'opencontrail.org/network': 'blue' }, HOST), true],
    ['one with further networks', 'default', podBody('w', { 'k8s.v1.cni.cncf.io/networks': 'storage' }, HOST), true],
    ['one that asks for nothing', 'default', podBody('w', { note: 'x' }, HOST), false],
    ['one without annotations', 'default', podBody('w', undefined, HOST), false],
    ['one of the system', 'kube-system', podBody('w', { 'opencontrail.org/network': 'blue' }, HOST), false],
    ['a pod of its own', 'default', podBody('w', { 'opencontrail.org/mac': '02:00:00:00:00:01' }), false],
  ])('%s is admitted, and warned of where what it asks for has no effect', async (_name, namespace, body, isWarned) => {
    const warnings = await warningsAt(`${pods(namespace)}?dryRun=All`, { method: 'POST', body });
    expect(warnings.some((text) => text.includes('has no effect on a pod of the host network'))).toBe(isWarned);
  });

  test('an annotation that comes later to a pod of the host network is warned of by its name, once', async () => {
    await alice.post(pods('default'), podBody('warned', { 'opencontrail.org/mac': '02:00:00:00:00:01' }, HOST));
    const path = `${pods('default')}/warned`;
    const body = { metadata: { annotations: { 'opencontrail.org/mirror': 'analyzer' } } };
    const warnings = await warningsAt(path, { method: 'PATCH', body });
    expect(warnings.join()).toContain('annotation opencontrail.org/mirror has no effect on a pod of the host network');
    expect(await warningsAt(path, { method: 'PATCH', body: { metadata: { labels: { a: 'b' } } } })).toEqual([]);
  });

  const OPENCONTRAIL = 'opencontrail.org';
  const FURTHER = { 'k8s.v1.cni.cncf.io/networks': '[{"name": "storage", "ips": ["10.20.0.9"]}]' };
  test.each<[string, Readonly<Record<string, string>>, object | undefined, string]>([
    ['with an address', { [`${OPENCONTRAIL}/ips`]: '10.32.0.10' }, undefined, `${OPENCONTRAIL}/ips`],
    ['with a MAC address', { [`${OPENCONTRAIL}/mac`]: '02:00:00:00:00:0a' }, surge(1), `${OPENCONTRAIL}/mac`],
    ['with an address elsewhere', FURTHER, surge('50%'), 'k8s.v1.cni.cncf.io/networks'],
    ['with a further network', { 'k8s.v1.cni.cncf.io/networks': '[{"name": "ips"}]' }, undefined, ''],
    ['whose old pods go first', { [`${OPENCONTRAIL}/ips`]: '10.32.0.10' }, surge(0), ''],
    ['that is made anew', { [`${OPENCONTRAIL}/ips`]: '10.32.0.10' }, { type: 'Recreate' }, ''],
    ['without annotations', {}, undefined, ''],
  ])('a Deployment %s is warned of where it can never be rolled', async (_which, annotations, strategy, warned) => {
    const warnings = await warningsAt(`${DEPLOYMENTS}?dryRun=All`, {
      method: 'POST',
      body: deploymentBody(annotations, strategy),
    });
    const texts = warnings.filter((text) => text.includes('rolling update never ends'));
    expect(texts).toHaveLength(warned === '' ? 0 : 1);
    if (warned !== '') expect(texts[0]).toContain(`annotation ${warned} of spec.template`);
  });

  test('certificates are replaced under load without a call lost', async () => {
    const before = (await server.client().get('/api/v1/namespaces/opencontrail/secrets/opencontrail-webhooks-tls'))?.[
      'data'
    ];
    const done = new AbortController();
    let calls = 0;
    const load = (async () => {
      for (; !done.signal.aborted; calls += 1) {
        const pod = await alice.post(pods('default'), podBody('load'), { query: { dryRun: 'All' } });
        expect(networkOf(pod)).toBe(CLUSTER_NETWORK);
      }
    })();
    const { ensureCertificates } = await import('../../certs/ensure.ts');
    const { certificateSettings } = await import('../../certs/settings.ts');
    const { createLogger } = await import('../../runtime/log.ts');
    const flags = {
      namespace: 'opencontrail',
      webhooksService: 'webhooks',
      configApiService: 'config-api',
      configuration: 'opencontrail',
      san: '127.0.0.1',
      authorityDays: 1000,
      leafDays: 90,
    };
    const settings = certificateSettings(flags);
    const renewed = { ...settings, leaves: settings.leaves.map((leaf) => ({ ...leaf, madeAfter: Date.now() })) };
    await ensureCertificates(renewed, {
      client: server.client('webhooks'),
      now: Date.now,
      log: createLogger('t', 'silent'),
    });
    const after = (await server.client().get('/api/v1/namespaces/opencontrail/secrets/opencontrail-webhooks-tls'))?.[
      'data'
    ];
    expect(after).not.toEqual(before);
    // The program follows within its interval; new connections then see the new certificate.
    const served = Buffer.from((after as Record<string, string>)['tls.crt'] ?? '', 'base64').toString();
    await eventually(async () => (await certificateAt(replica.port)) === served);
    const enough = calls + 20;
    await eventually(() => calls >= enough);
    done.abort();
    await load;
  });

  test('probes and metrics are served, and say what happened', async () => {
    const { request } = await import('node:https');
    const body = await new Promise<string>((resolve, reject) => {
      request({ port: replica.port, host: '127.0.0.1', path: '/metrics', rejectUnauthorized: false }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve(text));
      })
        .on('error', reject)
        .end();
    });
    expect(body).toMatch(
      /opencontrail_admission_requests_total\{webhook="mutate",operation="CREATE",decision="patched"\} \d+/,
    );
    expect(body).toMatch(
      /opencontrail_admission_requests_total\{webhook="mutate",operation="CREATE",decision="denied"\} \d+/,
    );
    expect(body).toMatch(/opencontrail_cert_expiry_seconds \d+/);
    expect(body).toMatch(/opencontrail_cache_staleness_seconds\{list="\/api\/v1\/namespaces"\} 0/);
  });

  describe('with every webhook away', () => {
    beforeAll(async () => {
      await alice.post(pods('default'), podBody('earlier'));
      expect(await replica.stop('SIGTERM')).toBe(0);
    });

    test.each([
      ['a pod that asks for nothing', 'default', podBody('later'), undefined],
      ['a pod of an isolated namespace', 'dev', podBody('later'), undefined],
      [
        'a host-network pod with an annotation of ours',
        'default',
        podBody('later-host', { [ASSIGNMENT]: 'x' }, { hostNetwork: true }),
        undefined,
      ],
      [
        'a pod of the system with an annotation of ours',
        'kube-system',
        podBody('later-dns', { [ASSIGNMENT]: 'x' }),
        undefined,
      ],
      [
        'a pod that asks for something',
        'default',
        podBody('later-mac', { 'opencontrail.org/mac': '02:00:00:00:00:01' }),
        500,
      ],
      ['a pod with a forged assignment', 'default', podBody('later-forged', { [ASSIGNMENT]: 'x' }), 500],
    ])('%s', async (_name, namespace, body, status) => {
      expect((await refusalOf(alice.post(pods(namespace), body)))?.status).toBe(status);
    });

    test('namespaces are made and changed, unless they ask for isolation', async () => {
      expect(await refusalOf(alice.post('/api/v1/namespaces', namespaceBody('later')))).toBeUndefined();
      expect(
        await refusalOf(alice.post('/api/v1/namespaces', namespaceBody('later-dev', { [ISOLATION]: 'true' }))),
      ).toMatchObject({ status: 500 });
      expect(
        await refusalOf(alice.patch('/api/v1/namespaces/dev', { metadata: { labels: { team: 'a' } } })),
      ).toBeUndefined();
    });

    test('pods that were assigned are changed and deleted', async () => {
      expect(
        await refusalOf(alice.patch(`${pods('default')}/earlier`, { metadata: { annotations: { note: 'x' } } })),
      ).toBeUndefined();
      expect(await refusalOf(alice.delete(`${pods('default')}/earlier`))).toBeUndefined();
    });

    test('the policies still guard results, and a worker still assigns', async () => {
      const assignment = { metadata: { annotations: { [ASSIGNMENT]: 'late' } } };
      expect(await refusalOf(alice.patch(`${pods('default')}/later/status`, assignment))).toMatchObject({
        status: 403,
      });
      expect(await refusalOf(workers.patch(`${pods('default')}/later/status`, assignment))).toBeUndefined();
    });

    test('workers may say on a NetworkPolicy what is wrong with it, and not change its rules', async () => {
      const policies = '/apis/networking.k8s.io/v1/namespaces/default/networkpolicies';
      await alice.post(policies, { metadata: { name: 'guard' }, spec: { podSelector: {} } });
      const status = { metadata: { annotations: { 'opencontrail.org/status': '{}' } } };
      const opened = { spec: { ingress: [{}] } };
      expect(await refusalOf(workers.patch(`${policies}/guard`, status))).toBeUndefined();
      expect(await refusalOf(workers.patch(`${policies}/guard`, opened))).toMatchObject({ status: 403 });
      expect(await refusalOf(alice.patch(`${policies}/guard`, opened))).toBeUndefined();
    });

    test('deleting the validating configuration is the way out, and the policies stay', async () => {
      await server
        .client()
        .delete('/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/opencontrail');
      await eventually(
        async () =>
          (await refusalOf(alice.post(pods('default'), podBody('out', { 'opencontrail.org/mac': 'x' })))) === undefined,
      );
      expect(
        await refusalOf(
          alice.patch('/api/v1/namespaces/dev', { metadata: { labels: { 'opencontrail.org/mode': 'cluster' } } }),
        ),
      ).toMatchObject({ status: 403 });
    });
  });
});

/** What the API server has to say to alice besides its answer, which is no refusal: kubectl shows it. */
async function warningsAt(path: string, { method, body }: { readonly method: string; readonly body: object }) {
  const { request } = await import('node:https');
  const authorization = `Bearer ${readFileSync(server.tokenFile('alice'), 'utf8').trim()}`;
  const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  const headers = { authorization, 'content-type': type };
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const call = request(`${server.url}${path}`, { method, headers, ca: readFileSync(server.caFile) }, resolve);
    call.on('error', reject).end(JSON.stringify(body));
  });
  response.resume();
  expect(response.statusCode).toBeLessThan(300);
  return [response.headers.warning ?? []].flat();
}

async function certificateAt(port: number): Promise<string> {
  const { connect } = await import('node:tls');
  return await new Promise<string>((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()?.toString() ?? '');
      socket.destroy();
    });
    socket.on('error', reject);
  });
}
