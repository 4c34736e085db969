/**
 * Networks that are connected, by packets: VirtualNetworks of two namespaces, an isolated namespace, an isolated app and the
 * cluster's pods; for some ports and for everything; and a policy that an operator writes into the config API.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LabHandle } from '../lab/handle.ts';
import { contrail, contrailNames } from './contrail.ts';
import {
  type Peer,
  type PeerSpec,
  PROTOCOLS,
  type Protocol,
  peerPod,
  probeBetween,
  readPeer,
  runProbes,
} from './peers.ts';
import type { Reporter } from './reporter.ts';

const HOME = 'connections-home';
const OTHER = 'connections-other';
const ISOLATED = 'connections-alone';
const APPS = 'connections-apps';
const BOTH = [{ name: 'blue' }, { name: 'red', namespace: OTHER }];
const NETWORK = 'opencontrail.org/network';
const APP = 'opencontrail.org/name';

interface Context {
  readonly lab: LabHandle;
  readonly report: Reporter;
  readonly peers: ReadonlyMap<string, Peer>;
}

/** What passes from a peer to another; nothing besides. */
type Row = readonly [from: string, to: string, passes: readonly Protocol[]];

/** What the config database says is in the kernels so long afterwards; a refusal is asked once. */
const PROGRAMMED_MS = 1_500;
const NOTHING: readonly Protocol[] = [];

/** Run by `npm run e2e -- connections`. */
export async function suite(lab: LabHandle, report: Reporter): Promise<void> {
  const context = { lab, report, peers: await setUp(lab) };
  report.note('nothing is connected yet');
  await expectRows(
    [
      ['blue', 'red', NOTHING],
      ['alone', 'plain', NOTHING],
      ['web', 'blue', NOTHING],
    ],
    context,
  );
  await somePorts(context);
  await everything(context);
  await operatorsPolicy(context);
  await rights(context);
}

async function setUp(lab: LabHandle): Promise<ReadonlyMap<string, Peer>> {
  await lab.createNamespace(HOME);
  await lab.createNamespace(OTHER);
  await lab.createNamespace(ISOLATED, { annotations: { 'opencontrail.org/isolation': 'true' } });
  await lab.createNamespace(APPS, { annotations: { 'opencontrail.org/isolation': 'app' } });
  await lab.apply([network(HOME, 'blue', '10.81.0.0/24'), network(OTHER, 'red', '10.82.0.0/24')]);
  const [near = '', far = near] = lab.nodes;
  const specs: readonly PeerSpec[] = [
    { namespace: HOME, name: 'blue', node: near, annotations: { [NETWORK]: 'blue' } },
    { namespace: OTHER, name: 'red', node: far, annotations: { [NETWORK]: 'red' } },
    { namespace: OTHER, name: 'red-near', node: near, annotations: { [NETWORK]: 'red' } },
    { namespace: OTHER, name: 'plain', node: far },
    { namespace: ISOLATED, name: 'alone', node: near },
    { namespace: APPS, name: 'web', node: far, labels: { [APP]: 'web' } },
  ];
  await lab.apply(specs.map(peerPod));
  for (const namespace of [HOME, OTHER, ISOLATED, APPS]) await lab.podsReady(namespace);
  const peers = await Promise.all(specs.map(async (spec) => await readPeer(spec, lab)));
  return new Map(peers.map((peer) => [peer.name, peer]));
}

async function somePorts(context: Context): Promise<void> {
  const { lab, report } = context;
  const ports = [{ protocol: 'TCP', port: 8000, endPort: 8080 }, { protocol: 'ICMP' }];
  await connect('some', { networks: BOTH, ports }, context);
  report.equal(
    'kubectl get nc says which',
    await printed(lab, 'some'),
    `blue, ${OTHER}/red; TCP 8000-8080, ICMP; True`,
  );
  const passes: readonly Protocol[] = ['TCP', 'ICMP'];
  await expectRows(
    [
      ['blue', 'red', passes],
      ['blue', 'red-near', passes],
      ['red', 'blue', passes],
      ['red-near', 'blue', passes],
      ['blue', 'plain', NOTHING],
    ],
    context,
  );
  await lab.kubectl([
    'patch',
    'nc',
    'some',
    '-n',
    HOME,
    '--type=merge',
    '-p',
    '{"spec":{"ports":[{"protocol":"UDP"}]}}',
  ]);
  await settled('some', context);
  await expectRows(
    [
      ['blue', 'red', ['UDP']],
      ['red-near', 'blue', ['UDP']],
    ],
    context,
  );
  await disconnect('some', context);
  await expectRows(
    [
      ['blue', 'red', NOTHING],
      ['red-near', 'blue', NOTHING],
    ],
    context,
  );
}

async function everything(context: Context): Promise<void> {
  const networks = [
    { name: 'blue' },
    { kind: 'Namespace', name: ISOLATED },
    { kind: 'App', name: 'web', namespace: APPS },
    { kind: 'Cluster' },
  ];
  await connect('all', { networks }, context);
  await expectRows(
    [
      ['blue', 'alone', PROTOCOLS],
      ['alone', 'blue', PROTOCOLS],
      ['alone', 'web', PROTOCOLS],
      ['web', 'plain', PROTOCOLS],
      ['plain', 'alone', PROTOCOLS],
      ['plain', 'blue', PROTOCOLS],
      ['alone', 'red', NOTHING],
    ],
    context,
  );
  await disconnect('all', context);
  await expectRows(
    [
      ['blue', 'alone', NOTHING],
      ['plain', 'alone', NOTHING],
    ],
    context,
  );
}

/** Denials are asked in the order of the policies: this one stands before a connection of ours. */
async function operatorsPolicy(context: Context): Promise<void> {
  const { lab } = context;
  await connect('all', { networks: BOTH }, context);
  await expectRows([['blue', 'red', PROTOCOLS]], context);
  const every = [{ start_port: -1, end_port: -1 }];
  const rule = {
    direction: '>',
    protocol: 'udp',
    src_addresses: [{ virtual_network: `default-domain:k8s-${HOME}:blue` }],
    src_ports: every,
    dst_addresses: [{ virtual_network: `default-domain:k8s-${OTHER}:red` }],
    dst_ports: every,
    action_list: { simple_action: 'deny' },
  };
  const policy = { parent_type: 'project', fq_name: ['default-domain', `k8s-${HOME}`, 'operators'] };
  const made = (await contrail(lab, 'POST', '/network-policys', {
    'network-policy': { ...policy, network_policy_entries: { policy_rule: [rule] } },
  })) as { 'network-policy': { uuid: string } };
  const network = (await contrail(lab, 'POST', '/fqname-to-id', {
    type: 'virtual-network',
    fq_name: ['default-domain', `k8s-${HOME}`, 'blue'],
  })) as { uuid: string };
  const reference = {
    type: 'virtual-network',
    uuid: network.uuid,
    'ref-type': 'network-policy',
    'ref-uuid': made['network-policy'].uuid,
    attr: { sequence: { major: 0, minor: 0 } },
  };
  await contrail(lab, 'POST', '/ref-update', { ...reference, operation: 'ADD' });
  await sleep(PROGRAMMED_MS);
  await expectRows(
    [
      ['blue', 'red', ['TCP', 'ICMP']],
      ['red', 'blue', PROTOCOLS],
    ],
    context,
  );
  await contrail(lab, 'POST', '/ref-update', { ...reference, operation: 'DELETE' });
  await contrail(lab, 'DELETE', `/network-policy/${made['network-policy'].uuid}`);
  await expectRows([['blue', 'red', PROTOCOLS]], context);
}

/** Kubernetes' own roles, of which the chart's are parts: who may view a namespace sees its networks, and makes none. */
async function rights({ lab, report }: Context): Promise<void> {
  await lab.kubectl(['create', 'rolebinding', 'viewer', '-n', HOME, '--clusterrole=view', '--user=viewer']);
  const may = async (verb: string, resource: string): Promise<boolean> =>
    (await lab.tryKubectl(['auth', 'can-i', verb, resource, '-n', HOME, '--as=viewer'])).code === 0;
  await report.check('who may view a namespace sees its networks', () =>
    lab.waitFor('the role', async () => (await may('list', 'virtualnetworks')) && (await may('get', 'floatingips'))),
  );
  report.equal('and makes none', await may('create', 'virtualnetworks'), false);
}

async function expectRows(rows: readonly Row[], { lab, report, peers }: Context): Promise<void> {
  for (const [from, to, passes] of rows) {
    const [source, target] = [peers.get(from), peers.get(to)];
    if (source === undefined || target === undefined) throw new Error(`no peer ${from} or ${to}`);
    const probes = PROTOCOLS.map((protocol) =>
      probeBetween(source, target, { kind: 'pod', protocol, expected: passes.includes(protocol) }),
    );
    await runProbes(source, probes, { lab, report });
  }
}

function network(namespace: string, name: string, cidr: string): object {
  const spec = { subnets: [{ cidr }], serviceAccess: false };
  return { apiVersion: 'opencontrail.org/v1alpha1', kind: 'VirtualNetwork', metadata: { namespace, name }, spec };
}

async function connect(name: string, spec: object, context: Context): Promise<void> {
  const [apiVersion, kind] = ['opencontrail.org/v1alpha1', 'NetworkConnection'];
  await context.lab.apply([{ apiVersion, kind, metadata: { namespace: HOME, name }, spec }]);
  await settled(name, context);
}

async function disconnect(name: string, { lab }: Context): Promise<void> {
  await lab.kubectl(['delete', 'nc', name, '-n', HOME]);
  await lab.waitFor(
    'its policy to go',
    async () =>
      !(await contrailNames(lab, 'network-policy')).some((policy) => policy.endsWith(`-${name}-connection-np`)),
  );
  await sleep(PROGRAMMED_MS);
}

/** Waits until what a connection says now stands; the vRouters know it a moment later. */
async function settled(name: string, { lab }: Context): Promise<void> {
  await lab.waitFor(`connection ${name} to be Ready`, async () => {
    const found = await lab.get<{
      metadata: { generation: number };
      status?: { conditions?: { status: string; observedGeneration: number }[] };
    }>(['nc', name, '-n', HOME]);
    const condition = found?.status?.conditions?.[0];
    return condition?.status === 'True' && condition.observedGeneration === found?.metadata.generation;
  });
  await sleep(PROGRAMMED_MS);
}

async function printed(lab: LabHandle, name: string): Promise<string> {
  const text = await lab.kubectl(['get', 'nc', name, '-n', HOME, '--no-headers']);
  const [, networks, traffic, ready] = text.trim().split(/\s{2,}/);
  return [networks, traffic, ready].join('; ');
}
