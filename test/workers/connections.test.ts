/** NetworkConnections by a worker between a real API server, a real Redis and the embedded config API. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import type { ContrailClient } from '../../contrail/client.ts';
import type { NetworkPolicy } from '../../contrail/objects.ts';
import type { KubeClient } from '../../kubernetes/client.ts';
import { type Bed, createNode, firstPort, startBed } from './bed.ts';
import { eventually } from './programs.ts';
import { withApiServer } from './with-apiserver.ts';

jest.setTimeout(120_000);

const TOKEN = 'secret';
const GROUP = '/apis/opencontrail.org/v1alpha1/namespaces';
const REQUESTER = 'opencontrail.org/requester';

let bed: Bed;
let kube: KubeClient;
let contrail: ContrailClient;

withApiServer('a worker', () => {
  beforeAll(async () => {
    bed = await startBed({ 'resync-interval': '2' }, TOKEN);
    kube = bed.api.kube;
    contrail = bed.contrail;
    for (const name of ['dev', 'billing']) await kube.post('/api/v1/namespaces', { metadata: { name } });
    await network('dev', 'blue', '10.71.0.0/24');
    await network('billing', 'red', '10.72.0.0/24');
  }, 120_000);

  afterAll(async () => bed?.stop());

  test('joins networks by a policy that both have, with rules for its ports, and parts them again', async () => {
    await network('dev', 'green', '10.73.0.0/24');
    await connect('pair', [{ name: 'blue' }, { name: 'green' }], {
      ports: [{ port: 80, endPort: 90 }, { protocol: 'ICMP' }],
    });
    await eventually(async () => (await conditionOf('pair'))?.status === 'True');
    expect(await attachedTo('dev', 'blue')).toContain('k8s-dev-pair-connection-np');
    expect(await attachedTo('dev', 'green')).toContain('k8s-dev-pair-connection-np');
    const rules = await rulesOf('pair');
    expect(rules.map(({ protocol, dst_ports: [ports] }) => [protocol, ports?.start_port, ports?.end_port])).toEqual([
      ['tcp', 80, 90],
      ['icmp', -1, -1],
      ['icmp6', -1, -1],
    ]);
    const found = await kube.get(`${GROUP}/dev/networkconnections/pair`);
    expect(found?.['status']).toMatchObject({
      policy: 'default-domain:k8s-dev:k8s-dev-pair-connection-np',
      connects: 'blue, green',
      traffic: 'TCP 80-90, ICMP',
      networks: ['default-domain:k8s-dev:blue', 'default-domain:k8s-dev:green'],
    });
    await kube.patch(`${GROUP}/dev/networkconnections/pair`, { spec: { ports: [] } });
    await eventually(async () => (await rulesOf('pair')).map(({ protocol }) => protocol).join() === 'any');
    await kube.delete(`${GROUP}/dev/networkconnections/pair`);
    await eventually(async () => (await policy('pair')) === undefined);
    expect(await attachedTo('dev', 'blue')).toEqual([]);
  });

  test('drops a network that a connection no longer names, and leaves policies of others', async () => {
    await contrail.create({
      type: 'network-policy',
      uuid: '3f0c2a52-5f0e-4c11-8a34-1d2f0ad5f0aa',
      fq_name: ['default-domain', 'k8s-dev', 'operators'],
      parent_type: 'project',
    });
    await attachOperators('blue');
    await connect('three', [{ name: 'blue' }, { name: 'green' }, { kind: 'Cluster' }], {}, ADMIN);
    await eventually(async () => (await conditionOf('three'))?.status === 'True');
    const networks = [{ name: 'green' }, { kind: 'Cluster' }];
    await kube.patch(`${GROUP}/dev/networkconnections/three`, { spec: { networks } });
    await eventually(async () => (await attachedTo('dev', 'blue')).join() === 'operators');
    await kube.delete(`${GROUP}/dev/networkconnections/three`);
  });

  test('parts networks when its user may use one no longer, and joins them again', async () => {
    const user = { user: 'bob', groups: [] };
    await connect('guest', [{ name: 'blue' }, { name: 'red', namespace: 'billing' }], {}, user);
    await eventually(async () => (await conditionOf('guest'))?.reason === 'NetworkForbidden');
    expect((await conditionOf('guest'))?.message).toContain('spec.networks[1]: "default-domain:k8s-billing:red"');
    expect(await policy('guest')).toBeUndefined();
    await permit('bob');
    await eventually(async () => (await conditionOf('guest'))?.status === 'True');
    expect(await attachedTo('billing', 'red')).toEqual(['k8s-dev-guest-connection-np']);
    await kube.delete('/apis/rbac.authorization.k8s.io/v1/namespaces/billing/rolebindings/use');
    await eventually(async () => (await policy('guest')) === undefined);
    await eventually(async () => (await conditionOf('guest'))?.reason === 'NetworkForbidden');
    await kube.patch(`${GROUP}/billing/virtualnetworks/red`, { spec: { sharing: { namespaces: ['dev'] } } });
    await eventually(async () => (await conditionOf('guest'))?.status === 'True');
    await kube.delete(`${GROUP}/dev/networkconnections/guest`);
  });

  test('believes no connection that admission has not seen, where it takes a permission', async () => {
    await kube.patch(`${GROUP}/billing/virtualnetworks/red`, { spec: { sharing: { namespaces: null } } });
    await connect('unseen', [{ name: 'blue' }, { name: 'red', namespace: 'billing' }]);
    await eventually(async () => (await conditionOf('unseen'))?.reason === 'NetworkForbidden');
    expect((await conditionOf('unseen'))?.message).toContain('a user whom no webhook has seen');
    await kube.delete(`${GROUP}/dev/networkconnections/unseen`);
  });

  test('has what passes copied to a pod as soon as that has an address, and says so until then', async () => {
    await network('dev', 'green', '10.73.0.0/24').catch(() => undefined);
    await createNode(kube, 'n1', '192.0.2.1');
    await connect('watched', [{ name: 'blue' }, { name: 'green' }], {
      mirror: 'sensor',
      ports: [{ port: 80 }, { port: 81 }],
    });
    await eventually(async () => (await conditionOf('watched'))?.reason === 'MirrorUnserved');
    expect((await conditionOf('watched'))?.message).toContain('spec.mirror: "sensor": no copies are sent');
    expect(await analyzersOf('watched')).toEqual(['none', 'none']);
    const spec = { nodeName: 'n1', containers: [{ name: 'main', image: 'busybox' }] };
    await kube.post('/api/v1/namespaces/dev/pods', { metadata: { name: 'sensor' }, spec });
    const { ips } = await firstPort(kube, 'dev', 'sensor');
    const address = ips[0]?.split('/')[0];
    await eventually(async () => (await conditionOf('watched'))?.status === 'True');
    // From each to the other, and not within one.
    expect(await analyzersOf('watched')).toEqual(Array.from({ length: 4 }, () => address));
    const ends = (await rulesOf('watched')).map(({ src_addresses: from, dst_addresses: to }) =>
      [from, to].map((list) => list.map(({ virtual_network: name }) => name?.split(':').at(-1)).join()).join(' → '),
    );
    expect(ends.toSorted()).toEqual(['blue → green', 'blue → green', 'green → blue', 'green → blue']);
    await kube.patch(`${GROUP}/dev/networkconnections/watched`, { spec: { mirror: null } });
    await eventually(async () => (await analyzersOf('watched')).join() === 'none,none');
    await kube.delete(`${GROUP}/dev/networkconnections/watched`);
  });

  test('waits for a network that is missing, and says which', async () => {
    await connect('early', [{ name: 'blue' }, { name: 'late' }]);
    await eventually(async () => (await conditionOf('early'))?.reason === 'NetworkMissing');
    expect((await conditionOf('early'))?.message).toContain('default-domain:k8s-dev:late');
    expect(await statusOf('early')).toMatchObject({ connects: 'blue, late', traffic: 'everything' });
    await kube.patch(`${GROUP}/dev/networkconnections/early`, { spec: { ports: [{ port: 80 }] } });
    await eventually(async () => (await statusOf('early')).traffic === 'TCP 80');
    await network('dev', 'late', '10.74.0.0/24');
    await eventually(async () => (await conditionOf('early'))?.status === 'True');
    await kube.delete(`${GROUP}/dev/virtualnetworks/late`);
    await eventually(async () => (await conditionOf('early'))?.reason === 'NetworkMissing');
    await kube.delete(`${GROUP}/dev/networkconnections/early`);
  });

  test('says that nothing passes between networks without a family in common, until one has both', async () => {
    await network('dev', 'six', 'fd00:75::/64');
    await connect('apart', [{ name: 'blue' }, { name: 'six' }]);
    await eventually(async () => (await conditionOf('apart'))?.reason === 'NoFamilyInCommon');
    expect((await conditionOf('apart'))?.message).toContain(
      'between default-domain:k8s-dev:blue (IPv4 alone) and default-domain:k8s-dev:six (IPv6 alone)',
    );
    const subnets = [{ cidr: 'fd00:75::/64' }, { cidr: '10.75.0.0/24' }];
    await kube.patch(`${GROUP}/dev/virtualnetworks/six`, { spec: { subnets } });
    await eventually(async () => (await conditionOf('apart'))?.status === 'True');
    await kube.delete(`${GROUP}/dev/networkconnections/apart`);
  });

  test('joins no networks that have an address in common', async () => {
    await network('dev', 'twin', '10.71.0.128/25');
    await connect('twins', [{ name: 'blue' }, { name: 'twin' }]);
    await eventually(async () => (await conditionOf('twins'))?.reason === 'AddressesInCommon');
    expect((await conditionOf('twins'))?.message).toContain('10.71.0.0/24');
    expect(await policy('twins')).toBeUndefined();
    await kube.delete(`${GROUP}/dev/networkconnections/twins`);
  });
});

const ADMIN = { user: 'admin', groups: ['system:masters'] };

async function network(namespace: string, name: string, cidr: string): Promise<void> {
  const [apiVersion, kind] = ['opencontrail.org/v1alpha1', 'VirtualNetwork'];
  const spec = { subnets: [{ cidr }] };
  await kube.post(`${GROUP}/${namespace}/virtualnetworks`, { apiVersion, kind, metadata: { name }, spec });
  await eventually(async () => contrail.readByName('virtual-network', ['default-domain', `k8s-${namespace}`, name]));
}

/** Where each rule of a connection's has copies sent. */
async function analyzersOf(name: string): Promise<readonly string[]> {
  return (await rulesOf(name)).map(({ action_list: actions }) => actions?.mirror_to?.analyzer_ip_address ?? 'none');
}

/** No webhook runs here: the test is who notes the user. */
async function connect(name: string, networks: readonly object[], rest: object = {}, user?: object): Promise<void> {
  const [apiVersion, kind] = ['opencontrail.org/v1alpha1', 'NetworkConnection'];
  const annotations = user === undefined ? {} : { [REQUESTER]: JSON.stringify(user) };
  const body = { apiVersion, kind, metadata: { name, annotations }, spec: { networks, ...rest } };
  await kube.post(`${GROUP}/dev/networkconnections`, body);
}

interface Condition {
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

async function conditionOf(name: string): Promise<Condition | undefined> {
  return (await statusOf(name)).conditions?.[0];
}

interface Status {
  readonly conditions?: readonly Condition[];
  readonly connects?: string;
  readonly traffic?: string;
}

async function statusOf(name: string): Promise<Status> {
  const found = await kube.get(`${GROUP}/dev/networkconnections/${name}`);
  return found?.['status'] ?? {}; // By the resource's schema.
}

async function policy(name: string): Promise<NetworkPolicy | undefined> {
  const fqName = ['default-domain', 'k8s-dev', `k8s-dev-${name}-connection-np`];
  return (await contrail.readByName('network-policy', fqName)) as NetworkPolicy | undefined;
}

async function rulesOf(name: string) {
  return (await policy(name))?.network_policy_entries?.policy_rule ?? [];
}

async function attachedTo(namespace: string, name: string): Promise<readonly (string | undefined)[]> {
  const found = await contrail.readByName('virtual-network', ['default-domain', `k8s-${namespace}`, name]);
  const references = (found?.['network_policy_refs'] ?? []) as readonly { to: readonly string[] }[];
  return references.map(({ to }) => to.at(-1));
}

async function attachOperators(name: string): Promise<void> {
  const found = await contrail.readByName('virtual-network', ['default-domain', 'k8s-dev', name]);
  await contrail.raw('POST', '/ref-update', {
    type: 'virtual-network',
    uuid: found?.uuid,
    'ref-type': 'network-policy',
    'ref-uuid': '3f0c2a52-5f0e-4c11-8a34-1d2f0ad5f0aa',
    'ref-fq-name': null,
    operation: 'ADD',
    attr: { sequence: { major: 1, minor: 0 } },
  });
}

async function permit(user: string): Promise<void> {
  const path = '/apis/rbac.authorization.k8s.io/v1/namespaces/billing';
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  const rule = {
    apiGroups: ['opencontrail.org'],
    resources: ['virtualnetworks'],
    resourceNames: ['red'],
    verbs: ['use'],
  };
  await kube.post(`${path}/roles`, { apiVersion, kind: 'Role', metadata: { name: 'use' }, rules: [rule] });
  await kube.post(`${path}/rolebindings`, {
    apiVersion,
    kind: 'RoleBinding',
    metadata: { name: 'use' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'use' },
    subjects: [{ kind: 'User', name: user }],
  });
}
