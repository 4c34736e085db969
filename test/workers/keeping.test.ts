/** Who gives an address back, and who keeps it: real workers between a real API server, Redis and config API. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { ContrailClient } from '../../contrail/client.ts';
import type { KubeClient } from '../../kubernetes/client.ts';
import { type Bed, createAttachment, createNode, installAttachments, startBed } from './bed.ts';
import { loseRedis } from './loss.ts';
import { eventually } from './programs.ts';
import { withApiServer } from './with-apiserver.ts';

jest.setTimeout(120_000);

let bed: Bed;
let kube: KubeClient;
let contrail: ContrailClient;

withApiServer('addresses', () => {
  beforeAll(async () => {
    // With a token the config API waits for a rebuild after a loss, as in production.
    bed = await startBed({ 'prune-interval': '1', 'prune-grace': '3' }, 'secret');
    kube = bed.api.kube;
    contrail = bed.contrail;
    for (const [index, name] of ['n1', 'n2', 'n3'].entries()) await createNode(kube, name, `192.0.2.${index + 1}`);
    await kube.post('/api/v1/namespaces', { metadata: { name: 'dev' } });
  });

  afterAll(async () => bed?.stop());

  test.each(['Succeeded', 'Failed'])(
    'of a pod that has %s are given back, though the pod is still there',
    async (phase) => {
      const name = `job-${phase.toLowerCase()}`;
      await createPod(name);
      expect(await addressOf(name)).toBeDefined();
      await kube.patch(`/api/v1/namespaces/dev/pods/${name}/status`, { status: { phase } });
      await eventually(async () => (await held(name)).length === 0);
      await eventually(async () => (await machine(name)) === undefined);
      await deletePod(name);
    },
  );

  test('of pods whose node was deleted before them are kept while they live, and given back with them', async () => {
    await createPod('orphan', { node: 'n3' });
    const address = await addressOf('orphan');
    await kube.delete('/api/v1/nodes/n3');
    await eventually(async () => (await router('n3')) === undefined);
    // Kubernetes still has the pod, so it may still run.
    expect(await held('orphan')).toEqual([address]);
    await deletePod('orphan');
    await eventually(async () => (await held('orphan')).length === 0);
    await eventually(async () => (await machine('orphan')) === undefined);
  });

  test('of a pod that lives are never collected, whatever name a suspect has; a suspect is left alone for its grace', async () => {
    await createPod('twin');
    const address = await addressOf('twin');
    const marks = { owner: 'k8s', cluster: 'k8s', kind: 'Pod', namespace: 'dev', name: 'ghost', project: 'k8s-dev' };
    const annotations = { key_value_pair: Object.entries(marks).map(([key, value]) => ({ key, value })) };
    const uuid = '7c9e6679-7425-40de-944b-e07fc1f90ae7';
    await contrail.create({ type: 'virtual-machine', uuid, fq_name: ['k8s__dev__ghost'], annotations });
    const made = performance.now();
    await eventually(async () => (await contrail.read('virtual-machine', uuid)) === undefined);
    // Seen twice, three seconds apart.
    expect(performance.now() - made).toBeGreaterThan(3000);
    expect(await held('twin')).toEqual([address]);
    await deletePod('twin');
  });

  test('come from the pool that the pod, else its namespace, names, and from nowhere else', async () => {
    await kube.patch('/api/v1/namespaces/dev', {
      metadata: { annotations: { 'opencontrail.org/ip-pool': '10.33.0.8-10.33.0.9' } },
    });
    const own = { 'opencontrail.org/ip-pool': '10.33.1.20' };
    await eventually(async () => (await kube.get('/api/v1/namespaces/dev'))?.metadata.annotations !== undefined);
    await Promise.all([createPod('pooled-a'), createPod('pooled-b'), createPod('pooled-c', { annotations: own })]);
    const given = await Promise.all(['pooled-a', 'pooled-b', 'pooled-c'].map((name) => addressOf(name)));
    expect([given.slice(0, 2).toSorted(), given[2]]).toEqual([['10.33.0.8', '10.33.0.9'], '10.33.1.20']);
    // Nothing is free: it waits, and is served when something is.
    await createPod('pooled-d');
    await deletePod('pooled-a');
    expect(await addressOf('pooled-d')).toBe(given[0]);
    await kube.patch('/api/v1/namespaces/dev', { metadata: { annotations: { 'opencontrail.org/ip-pool': null } } });
  });

  test('of a pool that networks beside the pod’s hold are passed over at once, and nobody is told', async () => {
    const annotations = { 'opencontrail.org/isolation': 'true' };
    await kube.post('/api/v1/namespaces', { metadata: { name: 'beside', annotations } });
    for (const index of [0, 1, 2, 3, 4, 5, 6]) {
      const asked = { 'opencontrail.org/ips': `10.33.2.${index}` };
      await createPod(`holder-${index}`, { namespace: 'beside', annotations: asked });
      await addressOf(`holder-${index}`, 'beside');
    }
    await createPod('beside-them', { annotations: { 'opencontrail.org/ip-pool': '10.33.2.0-10.33.2.7' } });
    expect(await addressOf('beside-them')).toBe('10.33.2.7');
    const told = async (pod: string) =>
      (await kube.list('/api/v1/namespaces/dev/events')).items.filter(
        (event) => (event['involvedObject'] as { name?: string }).name === pod,
      );
    expect(await told('beside-them')).toEqual([]);
    // All are held there: what would help is said.
    await createPod('beside-none', { annotations: { 'opencontrail.org/ip-pool': '10.33.2.0-10.33.2.6' } });
    await eventually(async () => (await told('beside-none')).length > 0);
    expect(JSON.stringify(await told('beside-none'))).toContain(
      'the pool 10.33.2.0-10.33.2.6 has no free address; delete pods that hold addresses of it, or name a larger one',
    );
    await deletePod('beside-none');
  });

  test('that a definition excludes are given to those alone who name one', async () => {
    await installAttachments(kube);
    await createAttachment(kube, {
      namespace: 'dev',
      name: 'small',
      annotations: { 'opencontrail.org/cidr': '10.72.0.0/29', 'opencontrail.org/excluded': '10.72.0.2-10.72.0.4' },
    });
    await createPod('excluded-any', { annotations: asking('') });
    await createPod('excluded-named', { annotations: asking(',"ips":["10.72.0.3"]') });
    // 1 is what is left beside what is excluded, the gateway, the DNS server and the edges.
    expect(await addressesOf('excluded-any')).toContain('10.72.0.1');
    expect(await addressesOf('excluded-named')).toContain('10.72.0.3');
    await createPod('excluded-late', { annotations: asking('') });
    await eventually(async () =>
      JSON.stringify(await kube.list('/api/v1/namespaces/dev/events')).includes(
        'network default-domain:k8s-dev:k8s-small-pod-network has no free address of 10.72.0.0/29; delete pods that are in it, or give it another subnet',
      ),
    );
    await deletePod('excluded-late');
  });

  describe('of a StatefulSet', () => {
    beforeAll(async () => createSet('db', 2));

    test('stay its pod’s across deletion and another node, while others ask for addresses', async () => {
      await createPod('db-0', { set: 'db' });
      const address = await addressOf('db-0');
      await deletePod('db-0');
      await eventually(async () => (await machine('db-0')) === undefined);
      // The highest free one is given first, which on the naive construction is the one just given back.
      await createPod('thief');
      expect(await addressOf('thief')).not.toBe(address);
      await createPod('db-0', { set: 'db', node: 'n2' });
      expect(await addressOf('db-0')).toBe(address);
      expect(await held('db-0')).toEqual([address]);
      await deletePod('thief');
    });

    test('stay its pod’s when it is re-created faster than anybody looks', async () => {
      const address = await addressOf('db-0');
      for (const node of ['n1', 'n2', 'n1']) {
        await deletePod('db-0');
        await createPod('db-0', { set: 'db', node });
      }
      expect(await addressOf('db-0')).toBe(address);
      expect(await held('db-0')).toEqual([address]);
    });

    test('stay while the pod is away for longer than the grace of collection', async () => {
      const address = await addressOf('db-0');
      await deletePod('db-0');
      await new Promise((resolve) => setTimeout(resolve, 6000));
      expect(await held('db-0')).toEqual([address]);
      await createPod('db-0', { set: 'db' });
      expect(await addressOf('db-0')).toBe(address);
    });

    test('stay while the pod is away, also when Redis is lost meanwhile', async () => {
      const address = await addressOf('db-0');
      await eventually(async () => (await kept('db'))['kept.opencontrail.org/0']?.includes(`"${address}"`));
      await deletePod('db-0');
      await eventually(async () => (await machine('db-0')) === undefined);
      await loseRedis(bed.redisUrl, contrail);
      expect(await held('db-0')).toEqual([address]);
      // The highest free one is given first: just the one that nobody would have kept.
      await createPod('second-thief');
      expect(await addressOf('second-thief')).not.toBe(address);
      await createPod('db-0', { set: 'db', node: 'n2' });
      expect(await addressOf('db-0')).toBe(address);
      await deletePod('second-thief');
    });

    test('are given back below the scale, and all of them with the StatefulSet', async () => {
      await createPod('db-1', { set: 'db' });
      await addressOf('db-1');
      await deletePod('db-1');
      await eventually(async () => (await machine('db-1')) === undefined);
      expect(await held('db-1')).toHaveLength(1);
      await kube.patch('/apis/apps/v1/namespaces/dev/statefulsets/db', { spec: { replicas: 1 } });
      await eventually(async () => (await held('db-1')).length === 0);
      await loseRedis(bed.redisUrl, contrail);
      expect(await held('db-1')).toEqual([]);
      await deletePod('db-0');
      await eventually(async () => (await machine('db-0')) === undefined);
      expect(await held('db-0')).toHaveLength(1);
      await kube.delete('/apis/apps/v1/namespaces/dev/statefulsets/db');
      await eventually(async () => (await held('db-0')).length === 0);
    });

    test('are given back at once where it says that it keeps none', async () => {
      await createSet('cache', 1, { 'opencontrail.org/sticky': 'false' });
      await createPod('cache-0', { set: 'cache', annotations: { 'opencontrail.org/sticky': 'false' } });
      await addressOf('cache-0');
      await deletePod('cache-0');
      await eventually(async () => (await held('cache-0')).length === 0);
    });
  });
});

function asking(ips: string): Readonly<Record<string, string>> {
  return { 'k8s.v1.cni.cncf.io/networks': `[{"name":"small"${ips}}]` };
}

interface PodOptions {
  readonly namespace?: string;
  readonly node?: string;
  readonly set?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

async function createPod(
  name: string,
  { namespace = 'dev', node = 'n1', set, annotations = {} }: PodOptions = {},
): Promise<void> {
  const spec = { nodeName: node, containers: [{ name: 'c', image: 'none' }] };
  const owner = set === undefined ? undefined : await kube.get(`/apis/apps/v1/namespaces/dev/statefulsets/${set}`);
  const ownerReferences =
    owner === undefined
      ? []
      : [{ apiVersion: 'apps/v1', kind: 'StatefulSet', name: set, uid: owner.metadata.uid, controller: true }];
  await kube.post(`/api/v1/namespaces/${namespace}/pods`, { metadata: { name, annotations, ownerReferences }, spec });
}

/** There is no kubelet to confirm a deletion, so it is by force. */
async function deletePod(name: string): Promise<void> {
  await kube.delete(`/api/v1/namespaces/dev/pods/${name}`, { query: { gracePeriodSeconds: 0 } });
}

async function createSet(name: string, replicas: number, annotations: Record<string, string> = {}): Promise<void> {
  const labels = { app: name };
  const template = { metadata: { labels, annotations }, spec: { containers: [{ name: 'c', image: 'none' }] } };
  const spec = { replicas, serviceName: name, selector: { matchLabels: labels }, template };
  await kube.post('/apis/apps/v1/namespaces/dev/statefulsets', { metadata: { name }, spec });
}

/** The address that the pod of this name and its present UID was given. */
async function addressOf(name: string, namespace = 'dev'): Promise<string> {
  return await eventually(async () => {
    const pod = await kube.get(`/api/v1/namespaces/${namespace}/pods/${name}`);
    const text = pod?.metadata.annotations?.['opencontrail.org/ports'];
    const ports = JSON.parse(text ?? '{}') as { uid?: string; interfaces?: { ips: string[] }[] };
    return ports.uid === pod?.metadata.uid && ports.interfaces?.[0]?.ips[0]?.split('/')[0];
  });
}

/** The addresses of all of its interfaces. */
async function addressesOf(name: string): Promise<readonly string[]> {
  await addressOf(name);
  const pod = await kube.get(`/api/v1/namespaces/dev/pods/${name}`);
  const text = pod?.metadata.annotations?.['opencontrail.org/ports'] ?? '{"interfaces":[]}';
  const { interfaces } = JSON.parse(text) as { interfaces: { ips: string[] }[] };
  return interfaces.flatMap(({ ips }) => ips.map((ip) => ip.split('/')[0] ?? ip));
}

/** Addresses that the config database holds under a pod's name. */
async function held(name: string): Promise<readonly unknown[]> {
  const addresses = await contrail.list('instance-ip', { detail: true });
  return addresses
    .filter(({ fq_name: [own = ''] }) => own.startsWith(`${name}__`))
    .map(({ instance_ip_address: address }) => address);
}

/** What a StatefulSet remembers. */
async function kept(name: string): Promise<Readonly<Record<string, string>>> {
  return (await kube.get(`/apis/apps/v1/namespaces/dev/statefulsets/${name}`))?.metadata.annotations ?? {};
}

async function machine(name: string): Promise<unknown> {
  return await contrail.readByName('virtual-machine', [`k8s__dev__${name}`]);
}

async function router(node: string): Promise<unknown> {
  return await contrail.readByName('virtual-router', ['default-global-system-config', node]);
}
