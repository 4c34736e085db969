/** Workers as two processes between a real API server, a real Redis and the embedded config API. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { createContrailClient, type ContrailClient } from '../../contrail/client.ts';
import { annotationOf, type ContrailObject } from '../../contrail/objects.ts';
import type { KubeClient, KubeObject } from '../../kubernetes/client.ts';
import { type NetworkIds, parseNetworkIds } from '../../kubernetes/network-ids.ts';
import { createLogger } from '../../runtime/log.ts';
import { createRedis } from '../../runtime/redis.ts';
import type { Deps } from '../../workers/deps.ts';
import { createDigests } from '../../workers/digests.ts';
import { createKnownUids } from '../../workers/known-uids.ts';
import { parseKey } from '../../workers/keys.ts';
import { createNameCache } from '../../workers/name-cache.ts';
import { createNetworkFacts } from '../../workers/network-facts.ts';
import { reconcile } from '../../workers/run.ts';
import { watchCluster } from '../../workers/watch.ts';
import { startRedis, type TestRedis } from '../redis.ts';
import { labBinaries, startApiServer, type TestApiServer } from './apiserver.ts';
import { createNode, deleteNamespace } from './bed.ts';
import { loseRedis } from './loss.ts';
import { eventually, freePort, type Program, startProgram } from './programs.ts';
import { settings } from './settings-for-tests.ts';
import { withApiServer } from './with-apiserver.ts';

// Generous: these limits only end what has failed, also on a machine with much else to do.
jest.setTimeout(120_000);

const bin = labBinaries();

/** With a token the config API waits for a rebuild after a loss, as in production. */
const TOKEN = 'secret';

let api: TestApiServer;
let redis: TestRedis;
let kube: KubeClient;
let contrail: ContrailClient;
let configApi: Program;
let workers: Program[] = [];
let configUrl: string;

function startConfigApi(): Program {
  return startProgram('contrail/server/main.ts', {
    listen: configUrl.replace('http://', ''),
    redis: redis.url,
    token: TOKEN,
  });
}

async function startWorker(): Promise<Program> {
  return startProgram('workers/main.ts', {
    kubeconfig: api.kubeconfig,
    'contrail-api': configUrl,
    'contrail-token': TOKEN,
    redis: redis.url,
    listen: `127.0.0.1:${await freePort()}`,
    'prune-interval': '1',
    'prune-grace': '1',
    'log-level': 'debug',
  });
}

withApiServer('workers', () => {
  beforeAll(async () => {
    [api, redis] = await Promise.all([startApiServer(bin!), startRedis({ persist: true })]);
    kube = api.kube;
    configUrl = `http://127.0.0.1:${await freePort()}`;
    contrail = createContrailClient({ endpoints: async () => [configUrl], token: TOKEN });
    configApi = startConfigApi();
    workers = [await startWorker(), await startWorker()];
    for (const [index, name] of ['n1', 'n2'].entries()) await createNode(kube, name, `192.0.2.${index + 1}`);
    await kube.post('/api/v1/namespaces', { metadata: { name: 'dev' } });
    await kube.post('/api/v1/namespaces', {
      metadata: { name: 'alone', annotations: { 'opencontrail.org/isolation': 'true' } },
    });
  }, 120_000);

  afterAll(async () => {
    if (process.env['SHOW_LOGS'] !== undefined)
      for (const program of [configApi, ...workers]) console.error(program.log());
    await Promise.all([configApi, ...workers].map((program) => program.kill()));
    contrail.close();
    await api.stop();
    await redis.stop();
  });

  test('give a pod its port, and write what CNI and users read', async () => {
    const uid = await createPod('dev', 'web');
    const pod = await podWithPorts('dev', 'web');
    const [port] = portsOf(pod).interfaces;
    expect(portsOf(pod).uid).toBe(uid);
    expect(port).toMatchObject({ name: 'eth0', network: 'default-domain:k8s-default:k8s-default-pod-network' });
    expect(port?.ips[0]).toMatch(/^10\.47\.255\.\d+\/12$/);
    expect(JSON.parse(pod.metadata.annotations?.['k8s.v1.cni.cncf.io/network-status'] ?? '')).toMatchObject([
      { interface: 'eth0', ips: [port?.ips[0]?.split('/')[0]], mac: port?.mac, default: true },
    ]);
    // No webhook runs here: the worker assigned the pod.
    expect(pod.metadata.annotations?.['opencontrail.org/assignment']).toContain('k8s-default-pod-network');
    const machine = await contrail.readByName('virtual-machine', ['k8s__dev__web']);
    expect(machine?.uuid).toBe(uid);
    expect(await machinesOn('n1')).toContain(uid);
  });

  test('put a pod of an isolated namespace into its own network', async () => {
    await createPod('alone', 'web');
    const [port] = portsOf(await podWithPorts('alone', 'web')).interfaces;
    expect(port?.network).toBe('default-domain:k8s-alone:k8s-alone-pod-network');
  });

  test('take everything of a deleted pod away', async () => {
    await createPod('dev', 'gone');
    const [port] = portsOf(await podWithPorts('dev', 'gone')).interfaces;
    await deletePod('dev', 'gone');
    await eventually(async () => (await contrail.readByName('virtual-machine', ['k8s__dev__gone'])) === undefined);
    expect(await contrail.read('virtual-machine-interface', port!.vmi)).toBeUndefined();
    expect((await contrail.list('instance-ip')).some(({ fq_name }) => fq_name[0]?.startsWith('gone__'))).toBe(false);
  });

  test('give a pod that is re-created at once a port of its own', async () => {
    const seen = new Set<string>();
    for (let round = 0; round < 5; round += 1) {
      const uid = await createPod('dev', 'again');
      const pod = await podWithPorts('dev', 'again', uid);
      seen.add(portsOf(pod).interfaces[0]!.vmi);
      await deletePod('dev', 'again');
    }
    expect(seen.size).toBe(5);
  });

  test('give forty pods created at once forty addresses', async () => {
    const names = Array.from({ length: 40 }, (_, index) => `many-${index}`);
    await Promise.all(names.map((name) => createPod('dev', name)));
    const pods = await Promise.all(names.map((name) => podWithPorts('dev', name)));
    const ips = pods.map((pod) => portsOf(pod).interfaces[0]?.ips[0]);
    expect(new Set(ips).size).toBe(40);
    const shares = workers.map((worker) => worker.log().match(/"key":"Pod\/dev\/many-/g)?.length ?? 0);
    expect(Math.min(...shares)).toBeGreaterThan(0);
  });

  test('refuse a forged assignment with an Event that names annotation, value and mend', async () => {
    const forged = JSON.stringify({
      version: 1,
      mode: 'cluster',
      interfaces: [{ name: 'eth0', network: 'default-domain:k8s-default:k8s-default-pod-network', from: 'cluster' }],
    });
    const uid = await createPod('alone', 'forger', { 'opencontrail.org/assignment': forged });
    const event = await eventually(async () => {
      const { items } = await kube.list('/api/v1/namespaces/alone/events');
      return items.find((item) => (item['involvedObject'] as { uid?: string }).uid === uid);
    });
    expect(event['reason']).toBe('AssignmentMismatch');
    expect(event['message']).toMatch(/opencontrail.org\/assignment.*k8s-default-pod-network.*re-create/);
    expect((await readPod('alone', 'forger'))?.metadata.annotations?.['opencontrail.org/ports']).toBeUndefined();
    await deletePod('alone', 'forger');
  });

  test.each([
    ['first', '10.32.0.0'],
    ['gateway', '10.47.255.254'],
  ])('say which address a pod asks for that nobody can have: %s', async (name, address) => {
    const uid = await createPod('dev', name, { 'opencontrail.org/ips': address });
    const event = await eventually(async () => {
      const { items } = await kube.list('/api/v1/namespaces/dev/events');
      return items.find((item) => (item['involvedObject'] as { uid?: string }).uid === uid);
    });
    expect(event['message']).toContain(`interface eth0: ${address}: `);
    expect(event['message']).toMatch(/ask for another/);
    await deletePod('dev', name);
  });

  test('say which network a pod waits for, and give it a port when the network appears', async () => {
    const uid = await createPod('dev', 'waiting', { 'opencontrail.org/network': 'late' });
    const event = await eventually(async () => {
      const { items } = await kube.list('/api/v1/namespaces/dev/events');
      return items.find((item) => (item['involvedObject'] as { uid?: string }).uid === uid);
    });
    expect(event['reason']).toBe('NetworkMissing');
    expect(event['message']).toMatch(/opencontrail.org\/network.*default-domain:k8s-dev:late.*create it/);
    await kube.post('/apis/opencontrail.org/v1alpha1/namespaces/dev/virtualnetworks', {
      apiVersion: 'opencontrail.org/v1alpha1',
      kind: 'VirtualNetwork',
      metadata: { name: 'late' },
      spec: { subnets: [{ cidr: '10.60.0.0/24' }] },
    });
    expect(portsOf(await podWithPorts('dev', 'waiting')).interfaces[0]).toMatchObject({
      network: 'default-domain:k8s-dev:late',
      ips: [expect.stringMatching(/^10\.60\.0\./)],
    });
    await kube.delete('/apis/opencontrail.org/v1alpha1/namespaces/dev/virtualnetworks/late');
    expect(await contrail.readByName('virtual-network', ['default-domain', 'k8s-dev', 'late'])).toBeDefined();
    await deletePod('dev', 'waiting');
    // Kept as long as a pod was in it.
    await eventually(
      async () => (await contrail.readByName('virtual-network', ['default-domain', 'k8s-dev', 'late'])) === undefined,
    );
  });

  test('leave running pods where they are when their namespace is isolated, and say so', async () => {
    await kube.post('/api/v1/namespaces', { metadata: { name: 'turned' } });
    await createPod('turned', 'old');
    const before = portsOf(await podWithPorts('turned', 'old'));
    await kube.patch('/api/v1/namespaces/turned', {
      metadata: { annotations: { 'opencontrail.org/isolation': 'true' } },
    });
    await eventually(async () => {
      const { items } = await kube.list('/api/v1/namespaces/default/events');
      return items.some((item) => item['reason'] === 'PodsKeepTheirNetwork');
    });
    await createPod('turned', 'new');
    expect(portsOf(await podWithPorts('turned', 'new')).interfaces[0]?.network).toContain('k8s-turned-pod-network');
    expect(portsOf((await readPod('turned', 'old'))!)).toEqual(before);
  });

  test('make a Service a load balancer, follow its endpoints, and take it away', async () => {
    const service = await kube.post('/api/v1/namespaces/dev/services', {
      metadata: { name: 'web' },
      spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
    });
    const { uid } = service.metadata;
    const annotate = async (value: string) =>
      kube.patch('/api/v1/namespaces/dev/services/web', {
        metadata: { annotations: { 'opencontrail.org/health-check': value } },
      });
    await eventually(() => contrail.read('loadbalancer', uid));
    await createSlice('web', ['10.47.0.1', '10.47.0.2']);
    expect(
      await eventually(async () => {
        const m = await members();
        return m.length === 2 && m;
      }),
    ).toEqual(['10.47.0.1:8080', '10.47.0.2:8080']);
    await kube.patch('/apis/discovery.k8s.io/v1/namespaces/dev/endpointslices/web-1', {
      endpoints: [endpoint('10.47.0.2')],
    });
    await eventually(async () => (await members()).join() === '10.47.0.2:8080');
    await annotate('{"type": "HTTP", "path": "/healthz"}');
    const monitor = await eventually(
      async () => (await contrail.list('loadbalancer-healthmonitor', { detail: true }))[0],
    );
    expect(monitor['loadbalancer_healthmonitor_properties']).toMatchObject({
      monitor_type: 'HTTP',
      url_path: '/healthz',
    });
    await annotate('{"type": "FTP"}');
    await eventually(async () => (await contrail.list('loadbalancer-healthmonitor')).length === 0);
    const event = await eventually(async () => {
      const { items } = await kube.list('/api/v1/namespaces/dev/events');
      return items.find(({ reason }) => reason === 'HealthCheckRefused');
    });
    expect(event['message']).toMatch(/opencontrail.org\/health-check: "\{"type": "FTP"\}" is wrong at type: .* write /);
    expect(await members()).toEqual(['10.47.0.2:8080']);
    await annotate('{"type": "TCP"}');
    await eventually(async () => (await contrail.list('loadbalancer-healthmonitor')).length === 1);
    await kube.delete('/api/v1/namespaces/dev/services/web');
    await eventually(async () => (await contrail.read('loadbalancer', uid)) === undefined);
    await eventually(async () => (await contrail.list('loadbalancer-healthmonitor')).length === 0);
    await eventually(async () => {
      const interfaces = await contrail.list('virtual-machine-interface');
      const left = [...(await members()), ...interfaces.filter(({ fq_name }) => fq_name.join().includes(uid))];
      return left.length === 0;
    });
  });

  test('find nothing to do where everything has been done', async () => {
    const stop = new AbortController();
    const log = createLogger('test', 'silent');
    const view = watchCluster({
      client: kube,
      cluster: 'k8s',
      names: settings.names,
      enqueue: () => undefined,
      signal: stop.signal,
      log,
    });
    await view.whenSynced();
    const client = createRedis(redis.url);
    const deps: Deps = {
      kube,
      contrail,
      view,
      settings,
      names: createNameCache(contrail),
      networks: createNetworkFacts(contrail),
      digests: createDigests(client, () => undefined),
      uids: createKnownUids(client, () => undefined),
      enqueue: () => undefined,
      log,
      signal: stop.signal,
      force: true,
    };
    const done: string[] = [];
    for (const text of view.allKeys()) {
      const result = await reconcile(parseKey(text)!, deps);
      if (result.kind !== 'done' || result.operations > 0) done.push(`${text}: ${JSON.stringify(result)}`);
    }
    stop.abort();
    client.disconnect();
    expect(done).toEqual([]);
  });

  test('write the assignment and the mode of namespaces that no webhook has seen', async () => {
    const metadata = await eventually(async () => {
      const now = (await kube.get('/api/v1/namespaces/alone'))?.metadata;
      return now?.labels?.['opencontrail.org/mode'] !== undefined && now;
    });
    expect(metadata.labels?.['opencontrail.org/mode']).toBe('namespace');
    expect(JSON.parse(metadata.annotations?.['opencontrail.org/assignment'] ?? '')).toEqual({
      version: 1,
      mode: 'namespace',
      project: 'default-domain:k8s-alone',
      podNetwork: 'default-domain:k8s-alone:k8s-alone-pod-network',
      serviceNetwork: 'default-domain:k8s-alone:k8s-alone-service-network',
    });
  });

  test('prune what a lost event would have left for ever', async () => {
    // Made by hand with our marks, for a pod that never was.
    const uuid = '7c9e6679-7425-40de-944b-e07fc1f90ae7';
    const marks = { owner: 'k8s', cluster: 'k8s', kind: 'Pod', namespace: 'dev', name: 'ghost', project: 'k8s-dev' };
    const annotations = { key_value_pair: Object.entries(marks).map(([key, value]) => ({ key, value })) };
    await contrail.create({ type: 'virtual-machine', uuid, fq_name: ['k8s__dev__ghost'], annotations });
    await contrail.create({ type: 'virtual-machine', fq_name: ['k8s__dev__foreign'] });
    await eventually(async () => (await contrail.read('virtual-machine', uuid)) === undefined);
    expect(await contrail.fqNameToUuid('virtual-machine', ['k8s__dev__foreign'])).toBeDefined();
  });

  test('rebuild networks with the numbers that running connections carry', async () => {
    const before = await networkNumbers();
    expect(before.length).toBeGreaterThan(7);
    await loseRedis(redis.url, contrail);
    expect(await networkNumbers()).toEqual(before);
  });

  test('rebuild the same numbers also after an older isolated namespace was deleted', async () => {
    await createIsolated('older');
    await createIsolated('younger');
    await deleteNamespace(kube, 'older');
    await eventually(async () => !(await networkNumbers()).some(([name]) => name.includes('older')));
    const before = await networkNumbers();
    const network = 'k8s-younger-pod-network';
    const [, number] = before.find(([name]) => name.endsWith(network))!;
    await eventually(async () => (await rememberedIds('younger'))[network] === number);
    await loseRedis(redis.url, contrail);
    expect(await networkNumbers()).toEqual(before);
    // The next one that is made draws a number that is really free.
    await createIsolated('youngest');
    const numbers = (await networkNumbers()).map(([, each]) => each);
    expect(new Set(numbers).size).toBe(numbers.length);
  });

  test('rebuild a config database that lost everything: same UUIDs, addresses and MACs', async () => {
    const before = await ports();
    expect(before.length).toBeGreaterThan(40);
    await loseRedis(redis.url, contrail);
    await createPod('dev', 'after');
    await podWithPorts('dev', 'after');
    expect((await ports()).filter(([name]) => name !== 'dev/after')).toEqual(before);
    for (const [, text] of before) {
      const [port] = (JSON.parse(text) as Ports).interfaces;
      const vmi = await contrail.read('virtual-machine-interface', port!.vmi);
      expect(vmi?.['virtual_machine_interface_mac_addresses']).toEqual({ mac_address: [port!.mac] });
      const [ip] = await contrail.list('instance-ip', { backRefId: port!.vmi, detail: true });
      expect(`${String(ip?.['instance_ip_address'])}/12`).toBe(port!.ips[0]);
    }
  }, 120_000);

  test('go on when one of them is killed', async () => {
    await workers[0]?.kill();
    await Promise.all(Array.from({ length: 10 }, (_, index) => createPod('dev', `survivor-${index}`)));
    await Promise.all(Array.from({ length: 10 }, (_, index) => podWithPorts('dev', `survivor-${index}`)));
  });

  test('end when told to, with what they had begun done', async () => {
    const worker = workers[1]!;
    worker.process.kill('SIGTERM');
    await eventually(async () => worker.process.exitCode !== null);
    expect(worker.process.exitCode).toBe(0);
  });

  test('end when told to also while Redis is away', async () => {
    const worker = await startWorker();
    await eventually(async () => worker.log().includes('"working"'));
    await redis.kill();
    worker.process.kill('SIGTERM');
    await eventually(async () => worker.process.exitCode !== null);
    await redis.restart();
    expect(worker.process.exitCode).toBe(0);
  });
});

interface Ports {
  readonly uid: string;
  readonly interfaces: readonly {
    readonly name: string;
    readonly vmi: string;
    readonly network: string;
    readonly mac: string;
    readonly ips: readonly string[];
  }[];
}

function portsOf(pod: KubeObject): Ports {
  return JSON.parse(pod.metadata.annotations?.['opencontrail.org/ports'] ?? '') as Ports;
}

async function ports(): Promise<readonly (readonly [string, string])[]> {
  const { items } = await kube.list('/api/v1/pods');
  return items
    .map(
      ({ metadata }) =>
        [`${metadata.namespace}/${metadata.name}`, metadata.annotations?.['opencontrail.org/ports'] ?? ''] as const,
    )
    .filter(([, text]) => text !== '')
    .sort(([a], [b]) => a.localeCompare(b));
}

async function createPod(namespace: string, name: string, annotations: Record<string, string> = {}): Promise<string> {
  const spec = { nodeName: 'n1', containers: [{ name: 'c', image: 'none' }] };
  const pod = await kube.post(`/api/v1/namespaces/${namespace}/pods`, { metadata: { name, annotations }, spec });
  return pod.metadata.uid;
}

async function readPod(namespace: string, name: string): Promise<KubeObject | undefined> {
  return await kube.get(`/api/v1/namespaces/${namespace}/pods/${name}`);
}

/** There is no kubelet to confirm a deletion, so it is by force. */
async function deletePod(namespace: string, name: string): Promise<void> {
  await kube.delete(`/api/v1/namespaces/${namespace}/pods/${name}`, { query: { gracePeriodSeconds: 0 } });
}

async function podWithPorts(namespace: string, name: string, uid?: string): Promise<KubeObject> {
  return await eventually(async () => {
    const pod = await readPod(namespace, name);
    const text = pod?.metadata.annotations?.['opencontrail.org/ports'];
    return text !== undefined && (uid === undefined || pod?.metadata.uid === uid) && pod;
  });
}

async function networkNumbers(): Promise<readonly (readonly [string, unknown])[]> {
  const networks = await contrail.list('virtual-network', { detail: true });
  return networks
    .map(({ fq_name, ...network }) => [fq_name.join(':'), network['virtual_network_network_id']] as const)
    .sort(([a], [b]) => a.localeCompare(b));
}

async function rememberedIds(namespace: string): Promise<NetworkIds> {
  const found = await kube.get(`/api/v1/namespaces/${namespace}`);
  return parseNetworkIds(found?.metadata.annotations?.['opencontrail.org/network-ids']);
}

async function createIsolated(name: string): Promise<void> {
  await kube.post('/api/v1/namespaces', { metadata: { name, annotations: { 'opencontrail.org/isolation': 'true' } } });
  await eventually(async () =>
    (await networkNumbers()).some(([network]) => network.includes(`k8s-${name}-service-network`)),
  );
}

async function machinesOn(node: string): Promise<readonly (string | undefined)[]> {
  const router = await contrail.readByName('virtual-router', ['default-global-system-config', node]);
  const references = (router?.['virtual_machine_refs'] ?? []) as { uuid?: string }[];
  return references.map(({ uuid }) => uuid);
}

async function members(): Promise<readonly string[]> {
  const all: readonly ContrailObject[] = await contrail.list('loadbalancer-member', { detail: true });
  return all
    .filter((member) => annotationOf(member, 'name') === 'web')
    .map((member) => member['loadbalancer_member_properties'] as { address: string; protocol_port: number })
    .map(({ address, protocol_port }) => `${address}:${protocol_port}`)
    .sort();
}

function endpoint(address: string): object {
  return { addresses: [address], conditions: { ready: true } };
}

async function createSlice(service: string, addresses: readonly string[]): Promise<void> {
  await kube.post('/apis/discovery.k8s.io/v1/namespaces/dev/endpointslices', {
    metadata: { name: `${service}-1`, labels: { 'kubernetes.io/service-name': service } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints: addresses.map(endpoint),
  });
}
