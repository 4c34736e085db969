/** ClusterNetworkPolicies between a real API server, a worker and the config API: tags come before who carries them, and go after. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import type { FirewallRule } from '../../contrail/firewall.ts';
import type { ContrailClient } from '../../contrail/client.ts';
import type { Reference } from '../../contrail/objects.ts';
import type { KubeClient } from '../../kubernetes/client.ts';
import { CLUSTER_NETWORK_POLICIES } from '../../kubernetes/cluster-network-policy.ts';
import { type Bed, createNode, deleteNamespace, firstPort, startBed } from './bed.ts';
import { eventually } from './programs.ts';
import { withApiServer } from './with-apiserver.ts';

jest.setTimeout(240_000);

const PREFIX = 'k8s-cnp__guard';

let bed: Bed;
let kube: KubeClient;
let contrail: ContrailClient;

withApiServer('cluster network policies', () => {
  beforeAll(async () => {
    bed = await startBed();
    kube = bed.api.kube;
    contrail = bed.contrail;
    await createNode(kube, 'n1', '192.0.2.1');
    await kube.post('/api/v1/namespaces', { metadata: { name: 'dev' } });
  });

  afterAll(async () => bed?.stop());

  test('become a firewall policy, give pods their tags, leave those of operators, and take all of it away again', async () => {
    const vmi = await createPod('guarded');
    await contrail.create({ type: 'tag', fq_name: ['tier=web'], tag_type_name: 'tier', tag_value: 'web' });
    await contrail.setTag('virtual-machine-interface', vmi, { tier: { is_global: true, value: 'web' } });
    const spec = { tier: 'Admin', priority: 3, subject: { namespaces: {} }, ingress: [rule('Pass')] };
    const type = { apiVersion: 'policy.networking.k8s.io/v1alpha2', kind: 'ClusterNetworkPolicy' };
    await kube.post(CLUSTER_NETWORK_POLICIES, { ...type, metadata: { name: 'guard' }, spec });
    const tags = await eventually(async () => {
      const found = await tagsOf(vmi);
      return found.length === 4 && found;
    });
    const guard = tags.find((tag) => tag.startsWith('label=cnp__guard__'));
    expect(tags).toEqual(['app=guarded', guard, 'namespace=dev', 'tier=web']);
    await eventually(async () => (await sequenceOf()) === '00003.0');
    expect((await rulesNow()).map(({ endpoint_1: one, endpoint_2: two }) => [one?.tags, two?.tags])).toEqual([
      [[guard], [guard]],
    ]);
    const message = await eventually(async () => (await conditionOf('guard'))?.message);
    expect(message).toContain('destinationNamedPort "nobody"');
    await kube.patch(
      `${CLUSTER_NETWORK_POLICIES}/guard`,
      { spec: { priority: 4, ingress: [rule('Deny')] } },
      'application/merge-patch+json',
    );
    await eventually(
      async () => (await rulesNow()).map(({ action_list: actions }) => actions?.simple_action).join() === 'deny',
    );
    await eventually(async () => (await sequenceOf()) === '00004.0');
    await kube.delete(`${CLUSTER_NETWORK_POLICIES}/guard`);
    await eventually(async () => (await tagsOf(vmi)).join() === 'app=guarded,namespace=dev,tier=web');
    for (const type of ['firewall-policy', 'firewall-rule', 'service-group', 'tag'])
      await eventually(
        async () => !(await contrail.list(type)).some(({ fq_name: name }) => name.at(-1)?.includes('cnp__guard')),
      );
  });

  test('have what they accept copied to a pod as soon as that has an address, and say so until then', async () => {
    const annotations = { 'opencontrail.org/mirror-accepted': 'dev/sensor' };
    const spec = {
      tier: 'Admin',
      priority: 5,
      subject: { namespaces: {} },
      egress: [{ action: 'Accept', to: [{ namespaces: {} }] }],
    };
    const type = { apiVersion: 'policy.networking.k8s.io/v1alpha2', kind: 'ClusterNetworkPolicy' };
    await kube.post(CLUSTER_NETWORK_POLICIES, { ...type, metadata: { name: 'guard', annotations }, spec });
    await eventually(async () => (await conditionOf('guard'))?.reason === 'MirrorUnserved');
    await createPod('sensor');
    const [address] = (await firstPort(kube, 'dev', 'sensor')).ips.map((ip) => ip.split('/')[0]);
    await eventually(async () => (await analyzers()) === address);
    await eventually(async () => (await conditionOf('guard'))?.status === 'True');
    const none = { metadata: { annotations: { 'opencontrail.org/mirror-accepted': null } } };
    await kube.patch(`${CLUSTER_NETWORK_POLICIES}/guard`, none, 'application/merge-patch+json');
    await eventually(async () => (await analyzers()) === 'none');
    await kube.delete(`${CLUSTER_NETWORK_POLICIES}/guard`);
  });

  test('labels of pods and namespaces are tags that rules can speak of, as long as somebody carries them', async () => {
    const vmi = await createPod('labelled', { Team: 'a', 'pod-template-hash': '5d8' });
    await eventually(async () => (await tagsOf(vmi)).join() === 'app=labelled,namespace=dev,team=a');
    // By the same call as an operator's, who makes no tag first.
    await contrail.create({
      type: 'firewall-rule',
      fq_name: ['default-policy-management', 'to-team'],
      parent_type: 'policy-management',
      direction: '>',
      endpoint_1: { any: true },
      endpoint_2: { tags: ['team=a'] },
      service: { protocol: 'tcp', dst_ports: { start_port: 80, end_port: 80 } },
      action_list: { simple_action: 'pass' },
    });
    await kube.patch(POD, { metadata: { labels: { Team: 'b' } } });
    await eventually(async () => (await tagsOf(vmi)).join() === 'app=labelled,namespace=dev,team=b');
    await kube.patch('/api/v1/namespaces/dev', { metadata: { labels: { team: 'c' } } });
    await eventually(async () => (await tagsOf(vmi)).join() === 'app=labelled,namespace=dev,team=c');
    await kube.delete(POD, { query: { gracePeriodSeconds: 0 } });
    const names = async (): Promise<readonly string[]> =>
      (await contrail.list('tag')).map(({ fq_name: name }) => name.join(':'));
    await eventually(async () => !(await names()).includes('app=labelled'));
    // A rule speaks of it, and another pod carries the other.
    expect(await names()).toEqual(expect.arrayContaining(['team=a', 'namespace=dev']));
    await kube.post('/api/v1/namespaces', { metadata: { name: 'brief' } });
    await createPod('last', {}, 'brief');
    await kube.delete('/api/v1/namespaces/brief/pods/last', { query: { gracePeriodSeconds: 0 } });
    await deleteNamespace(kube, 'brief');
    await eventually(async () => !(await names()).includes('namespace=brief'));
  });
});

const POD = '/api/v1/namespaces/dev/pods/labelled';

const rule = (action: string) => ({
  action,
  from: [{ namespaces: {} }],
  protocols: [{ destinationNamedPort: 'nobody' }, { tcp: { destinationPort: { number: 80 } } }],
});

/** Where each rule has copies sent. */
async function analyzers(): Promise<string> {
  return (await rulesNow()).map(({ action_list: actions }) => actions?.mirror_to?.analyzer_ip_address ?? 'none').join();
}

interface Condition {
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

async function conditionOf(name: string): Promise<Condition | undefined> {
  const policy = await kube.get(`${CLUSTER_NETWORK_POLICIES}/${name}`);
  return (policy as { status?: { conditions?: Condition[] } }).status?.conditions?.[0];
}

/** Creates a pod and answers the UUID of its interface. */
async function createPod(
  name: string,
  labels: Readonly<Record<string, string>> = {},
  namespace = 'dev',
): Promise<string> {
  const spec = { nodeName: 'n1', containers: [{ name: 'c', image: 'none' }] };
  const pod = { metadata: { name, labels: { app: name, ...labels } }, spec };
  await kube.post(`/api/v1/namespaces/${namespace}/pods`, pod);
  return (await firstPort(kube, namespace, name)).vmi;
}

async function tagsOf(vmi: string): Promise<readonly string[]> {
  const found = await contrail.read('virtual-machine-interface', vmi);
  return ((found?.['tag_refs'] ?? []) as Reference[]).map(({ to }) => to.join(':')).sort();
}

async function sequenceOf(): Promise<string | undefined> {
  const set = await contrail.readByName('application-policy-set', [
    'default-policy-management',
    'default-application-policy-set',
  ]);
  const references = (set?.['firewall_policy_refs'] ?? []) as Reference<{ sequence: string }>[];
  return references.find(({ to }) => to.at(-1) === PREFIX)?.attr?.sequence;
}

/** The rules of the policy that stand, and no others of its. */
async function rulesNow(): Promise<readonly FirewallRule[]> {
  const all = await contrail.list('firewall-rule', { detail: true });
  return all.filter(({ fq_name: name }) => name.at(-1)?.startsWith(PREFIX)) as FirewallRule[];
}
