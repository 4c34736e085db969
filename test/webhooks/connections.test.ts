/** NetworkConnections on a real API server, by the chart's own schema and configurations: what is refused, and who is noted. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { KubeClient } from '../../kubernetes/client.ts';
import { installResources } from '../kubernetes/resources.ts';
import { startApiServer, type TestApiServer } from '../kubernetes/apiserver.ts';
import { eventually } from '../kubernetes/eventually.ts';
import {
  canInstall,
  installConfigurations,
  namespaceBody,
  published,
  type Replica,
  refusalOf,
  startReplica,
} from './installation.ts';

jest.setTimeout(120_000);

const REQUESTER = 'opencontrail.org/requester';
const PATH = '/apis/opencontrail.org/v1alpha1/namespaces/dev/networkconnections';
const RBAC = '/apis/rbac.authorization.k8s.io/v1/namespaces';
const BLUE = { name: 'blue' };
const GREEN = { name: 'green' };
const RED = { name: 'red', namespace: 'billing' };
const CHAINS = '/apis/opencontrail.org/v1alpha1/namespaces/dev/servicechains';
const FIREWALL = { name: 'firewall', selector: { matchLabels: { app: 'firewall' } } };
const NAT = { name: 'nat', kind: 'InNetworkNAT', selector: { matchLabels: { app: 'nat' } } };
const described = canInstall ? describe : describe.skip;

let server: TestApiServer;
let replica: Replica;
let admin: KubeClient;
let bob: KubeClient;

function connection(name: string, networks: readonly object[], rest: object = {}): object {
  const [apiVersion, kind] = ['opencontrail.org/v1alpha1', 'NetworkConnection'];
  return { apiVersion, kind, metadata: { name }, spec: { networks, ...rest } };
}

function chain(name: string, spec: object): object {
  const [apiVersion, kind] = ['opencontrail.org/v1alpha1', 'ServiceChain'];
  return { apiVersion, kind, metadata: { name }, spec: { left: BLUE, right: GREEN, services: [FIREWALL], ...spec } };
}

async function allow(namespace: string, rule: object): Promise<void> {
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  await admin.post(`${RBAC}/${namespace}/roles`, {
    apiVersion,
    kind: 'Role',
    metadata: { name: 'bob' },
    rules: [rule],
  });
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'bob' };
  const subjects = [{ kind: 'User', name: 'bob' }];
  await admin.post(`${RBAC}/${namespace}/rolebindings`, {
    apiVersion,
    kind: 'RoleBinding',
    metadata: { name: 'bob' },
    roleRef,
    subjects,
  });
}

async function requesterOf(name: string): Promise<unknown> {
  const found = await admin.get(`${PATH}/${name}`);
  return JSON.parse(found?.metadata.annotations?.[REQUESTER] ?? 'null');
}

described('with the chart installed', () => {
  beforeAll(async () => {
    server = await startApiServer();
    [admin, bob] = [server.client('admin'), server.client('bob')];
    await installResources(admin);
    for (const name of ['opencontrail', 'dev', 'billing']) await admin.post('/api/v1/namespaces', namespaceBody(name));
    await allow('dev', { apiGroups: ['opencontrail.org'], resources: ['networkconnections'], verbs: ['*'] });
    replica = await startReplica(server);
    await installConfigurations(admin, replica.port);
    await published(admin);
    await eventually(async () => {
      const made = await admin.post(PATH, connection('probe', [BLUE, RED]), { query: { dryRun: 'All' } });
      return made.metadata.annotations?.[REQUESTER] !== undefined;
    });
  }, 120_000);

  afterAll(async () => {
    await replica?.stop('SIGKILL');
    await server?.stop();
  });

  test.each<[string, readonly object[], object, string]>([
    ['one network alone', [BLUE], {}, 'should have at least 2 items'],
    ['a network named twice', [BLUE, { kind: 'VirtualNetwork', name: 'blue' }], {}, 'a network is named once'],
    ['a network without a name', [BLUE, { kind: 'App' }], {}, 'a network has a name, unless it is the cluster'],
    ['a name for the cluster', [BLUE, { kind: 'Cluster', name: 'x' }], {}, 'a network has a name, unless it is the'],
    ['a namespace of a namespace', [BLUE, { kind: 'Namespace', name: 'x', namespace: 'y' }], {}, 'are in a namespace'],
    ['half a fully qualified name', [BLUE, { kind: 'Network', name: 'a:b' }], {}, 'domain:project:name'],
    ['a colon in a name', [BLUE, { name: 'a:b:c' }], {}, 'a name is one of Kubernetes'],
    ['an unknown protocol', [BLUE, RED], { ports: [{ protocol: 'GRE' }] }, 'Unsupported value: "GRE"'],
    ['a port of ICMP', [BLUE, RED], { ports: [{ protocol: 'ICMP', port: 1 }] }, 'ICMP has no ports'],
    ['a range the wrong way', [BLUE, RED], { ports: [{ port: 9, endPort: 8 }] }, 'endPort must not be below port'],
    ['a chain of another namespace', [BLUE, RED], { through: 'billing/inspect' }, "a ServiceChain's name alone"],
    ['an analyzer of another namespace', [BLUE, RED], { mirror: 'mon/eye' }, "a pod's name alone"],
    ['a port too high', [BLUE, RED], { ports: [{ port: 65_536 }] }, 'should be less than or equal to 65535'],
  ])('the schema refuses %s', async (_title, networks, rest, says) => {
    const refusal = await refusalOf(admin.post(PATH, connection('bad', networks, rest)));
    expect(refusal).toMatchObject({ status: 422 });
    expect(refusal?.message).toContain(says);
  });

  test.each<[string, object, string]>([
    ['one network for both sides', { right: { name: 'blue' } }, 'left and right are two networks'],
    ['a chain without services', { services: [] }, 'should have at least 1 items'],
    ['two services of one name', { services: [FIREWALL, FIREWALL] }, 'Duplicate value'],
    [
      'pods that a flow would pass twice',
      { services: [FIREWALL, { ...FIREWALL, name: 'too' }] },
      'select different pods',
    ],
    ['a translator before others', { services: [NAT, FIREWALL] }, 'stands last'],
    ['a selector of all pods', { services: [{ name: 'all', selector: {} }] }, 'a selector says which pods'],
    [
      'a selector without labels',
      { services: [{ name: 'all', selector: { matchLabels: {} } }] },
      'at least 1 properties',
    ],
    ['a kind that is not served', { services: [{ ...FIREWALL, kind: 'Mirror' }] }, 'Unsupported value: "Mirror"'],
  ])('the schema refuses %s', async (_title, spec, says) => {
    const refusal = await refusalOf(admin.post(CHAINS, chain('bad', spec)));
    expect(refusal).toMatchObject({ status: 422 });
    expect(refusal?.message).toContain(says);
  });

  test('a connection through a chain has the two networks of the chain, in either order', async () => {
    await admin.post(CHAINS, chain('inspect', { services: [FIREWALL, NAT] }));
    const through = { through: 'inspect' };
    expect(await refusalOf(admin.post(PATH, connection('led', [GREEN, BLUE], through)))).toBeUndefined();
    const three = await refusalOf(admin.post(PATH, connection('bad', [BLUE, GREEN, RED], through)));
    expect(three?.message).toContain('through joins two networks');
    const others = await refusalOf(admin.post(PATH, connection('bad', [BLUE, RED], through)));
    expect(others).toMatchObject({ status: 422 });
    expect(others?.message).toContain(
      'spec.through: "inspect" is a ServiceChain between default-domain:k8s-dev:blue and default-domain:k8s-dev:green, and ' +
        'the connection is between default-domain:k8s-billing:red and default-domain:k8s-dev:blue; name its two networks, or another chain',
    );
    expect(await refusalOf(admin.patch(`${PATH}/led`, { spec: { networks: [BLUE, RED] } }))).toMatchObject({
      status: 422,
    });
  });

  test('a chain may come after its connection', async () => {
    expect(await refusalOf(admin.post(PATH, connection('early', [BLUE, GREEN], { through: 'late' })))).toBeUndefined();
  });

  test('what is left out is filled in', async () => {
    const made = await admin.post(PATH, connection('filled', [BLUE, RED], { ports: [{ port: 80 }] }));
    expect(made['spec']).toEqual({
      networks: [
        { kind: 'VirtualNetwork', name: 'blue' },
        { kind: 'VirtualNetwork', ...RED },
      ],
      ports: [{ protocol: 'TCP', port: 80 }],
    });
  });

  test.each([
    ["the nodes' network", 'default-domain:default-project:ip-fabric'],
    ["the cluster's services", 'default-domain:k8s-default:k8s-default-service-network'],
    ["a namespace's services", 'default-domain:k8s-dev:k8s-dev-service-network'],
  ])('nobody connects %s', async (_title, name) => {
    const refusal = await refusalOf(admin.post(PATH, connection('bad', [BLUE, { kind: 'Network', name }])));
    expect(refusal).toMatchObject({ status: 422 });
    expect(refusal?.message).toContain(
      `spec.networks[1]: "${name}" is a network that no connection of a user may name; name a network of pods`,
    );
  });

  test('nobody connects a network with itself', async () => {
    const again = { kind: 'Network', name: 'default-domain:k8s-dev:blue' };
    const refusal = await refusalOf(admin.post(PATH, connection('bad', [BLUE, again])));
    expect(refusal).toMatchObject({ status: 422 });
    expect(refusal?.message).toContain(
      'spec.networks[1]: "default-domain:k8s-dev:blue" is named twice; name each network once',
    );
  });

  test.each<[string, object, string]>([
    ['a VirtualNetwork', RED, 'red'],
    ['it by its full name', { kind: 'Network', name: 'default-domain:k8s-billing:red' }, 'red'],
    ['a network of a namespace', { kind: 'Namespace', name: 'billing' }, 'k8s-billing-pod-network'],
    ['of an app', { kind: 'App', name: 'web', namespace: 'billing' }, 'k8s-billing-web-app-network'],
    ["the cluster's", { kind: 'Cluster' }, 'k8s-default-pod-network'],
    [
      'of a definition',
      { kind: 'NetworkAttachmentDefinition', name: 'storage', namespace: 'billing' },
      'k8s-storage-pod-network',
    ],
  ])('a user without the permission connects none of another namespace: %s', async (_title, network, name) => {
    const refusal = await refusalOf(bob.post(PATH, connection('bad', [BLUE, network])));
    expect(refusal).toMatchObject({ status: 403 });
    expect(refusal?.message).toContain('which user bob may not use');
    expect(refusal?.message).toContain(`"use" on virtualnetworks.opencontrail.org "${name}"`);
  });

  test('networks of its own namespace, and operators’, need no permission', async () => {
    const operators = { kind: 'Network', name: 'default-domain:operators:wan' };
    expect(await refusalOf(bob.post(PATH, connection('own', [BLUE, { name: 'green' }, operators])))).toBeUndefined();
  });

  test('whoever asks for a connection as it reads is noted on it, and nobody else', async () => {
    await allow('billing', {
      apiGroups: ['opencontrail.org'],
      resources: ['virtualnetworks'],
      resourceNames: ['red'],
      verbs: ['use'],
    });
    await eventually(async () => (await refusalOf(bob.post(PATH, connection('both', [BLUE, RED])))) === undefined);
    const noted = { user: 'bob', groups: ['developers', 'system:authenticated'] };
    expect(await requesterOf('both')).toEqual(noted);
    const forged = { metadata: { labels: { a: 'b' }, annotations: { [REQUESTER]: '{"user":"admin","groups":[]}' } } };
    await bob.patch(`${PATH}/both`, forged);
    expect(await requesterOf('both')).toEqual(noted);
    await admin.patch(`${PATH}/both`, { metadata: { labels: { a: 'c' } } });
    expect(await requesterOf('both')).toEqual(noted);
    await admin.patch(`${PATH}/both`, { spec: { ports: [{ port: 80 }] } });
    expect(await requesterOf('both')).toMatchObject({ user: 'admin' });
  });

  test('a pod between networks of which one is another namespace’s needs the permission', async () => {
    await admin.post(CHAINS, chain('abroad', { right: { name: 'violet', namespace: 'billing' } }));
    const annotations = { 'opencontrail.org/service-chain': 'abroad' };
    const spec = { containers: [{ name: 'c', image: 'none' }] };
    const refusal = await refusalOf(
      admin.post('/api/v1/namespaces/dev/pods', { metadata: { name: 'firewall', annotations }, spec }),
    );
    expect(refusal).toMatchObject({ status: 403 });
    expect(refusal?.message).toContain('leads to default-domain:k8s-billing:violet');
    expect(refusal?.message).toContain('which service account default may not use');
  });

  test('a connection that stands is changed in other ways, and goes, without the permission', async () => {
    await admin.post(PATH, connection('admins', [BLUE, { name: 'violet', namespace: 'billing' }]));
    expect(await refusalOf(bob.patch(`${PATH}/admins`, { metadata: { labels: { a: 'b' } } }))).toBeUndefined();
    expect(await refusalOf(bob.patch(`${PATH}/admins`, { spec: { ports: [{ port: 80 }] } }))).toMatchObject({
      status: 403,
    });
    expect(await refusalOf(bob.delete(`${PATH}/admins`))).toBeUndefined();
  });
});
