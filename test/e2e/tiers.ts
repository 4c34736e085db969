/** ClusterNetworkPolicy on a running cluster, by packets: each step's policies, then every pair of pods against the documentation. */
import type { LabHandle } from '../lab/handle.ts';
import type { ClusterPolicy } from '../policy/cluster-reference.ts';
import type { Pod, Policy, World } from '../policy/reference.ts';
import { addressOf } from './dial.ts';
import { differences, policyPod, silentFromTheStart } from './policy-probe.ts';
import type { Reporter } from './reporter.ts';

interface Context {
  readonly lab: LabHandle;
  readonly report: Reporter;
  readonly world: World;
}

const [X, Y] = ['tiers-x', 'tiers-y'];
const [ALL, TEAM_X] = [{ namespaces: {} }, { namespaces: { matchLabels: { team: 'x' } } }];
const appOf = (app: string) => ({
  pods: { namespaceSelector: {}, podSelector: { matchLabels: { app } } },
});

/** Run by `npm run e2e -- tiers`. */
export async function suite(lab: LabHandle, report: Reporter): Promise<void> {
  const context = { lab, report, world: await setUp(lab) };
  try {
    for (const [title, clusterPolicies, policies] of STEPS) await step(title, { clusterPolicies, policies }, context);
    await nodesAndNetworks(context);
    await beforeTheFirstInstruction(context);
    await badInput(context);
  } finally {
    await lab.kubectl(['delete', 'clusternetworkpolicies', '--all']);
  }
}

async function setUp(lab: LabHandle): Promise<World> {
  const namespaces = { [X]: { team: 'x' }, [Y]: { team: 'y' } };
  for (const [name, labels] of Object.entries(namespaces)) await lab.createNamespace(name, { labels });
  const [near = '', far = near] = lab.nodes;
  const wanted = [
    { namespace: X, name: 'a', node: near },
    { namespace: X, name: 'b', node: far },
    { namespace: Y, name: 'a', node: near },
    { namespace: Y, name: 'c', node: far },
  ] as const;
  const pods = wanted.map(({ namespace, name }): Pod => {
    const ports: Pod['ports'] = [{ name: 'web', protocol: 'TCP', containerPort: 8081 }];
    return { namespace, name, labels: { app: name }, ips: [], ports };
  });
  await lab.apply(pods.map((pod, index) => policyPod(pod, wanted[index]?.node ?? near, 8081)));
  for (const namespace of [X, Y]) await lab.podsReady(namespace);
  for (const pod of pods) pod.ips = [await addressOf('pod', pod.namespace, pod.name, lab)];
  return { namespaces, pods, policies: [] };
}

function admin(name: string, priority: number, spec: Partial<ClusterPolicy['spec']>): ClusterPolicy {
  return { metadata: { name, uid: '' }, spec: { tier: 'Admin', priority, subject: TEAM_X, ...spec } };
}

function baseline(name: string, spec: Partial<ClusterPolicy['spec']>): ClusterPolicy {
  return { metadata: { name, uid: '' }, spec: { tier: 'Baseline', priority: 0, subject: TEAM_X, ...spec } };
}

const DENY: Policy = {
  metadata: { namespace: X, name: 'deny', uid: '' },
  spec: { podSelector: {}, policyTypes: ['Ingress', 'Egress'] },
};
const NO_INGRESS = admin('no-ingress', 10, { ingress: [{ action: 'Deny', from: [ALL] }] });

const STEPS: readonly (readonly [
  title: string,
  clusterPolicies: readonly ClusterPolicy[],
  policies: readonly Policy[],
])[] = [
  ['nothing is denied without a policy', [], []],
  ['a denial of the admin tier', [NO_INGRESS], []],
  [
    'priorities, and the first rule of a policy',
    [
      NO_INGRESS,
      admin('web', 5, {
        ingress: [
          { action: 'Deny', from: [appOf('c')] },
          { action: 'Accept', from: [ALL], protocols: [{ tcp: { destinationPort: { number: 8080 } } }] },
        ],
      }),
    ],
    [],
  ],
  [
    'what is accepted, no NetworkPolicy can deny; what is passed, it can',
    [
      admin('accept', 5, {
        ingress: [
          { action: 'Accept', from: [TEAM_X], protocols: [{ destinationNamedPort: 'web' }] },
          { action: 'Pass', from: [ALL] },
        ],
        egress: [{ action: 'Accept', to: [ALL] }],
      }),
      NO_INGRESS,
    ],
    [DENY],
  ],
  [
    'the baseline, where no NetworkPolicy speaks',
    [
      baseline('closed', {
        subject: ALL,
        ingress: [
          { action: 'Accept', from: [ALL], protocols: [{ udp: { destinationPort: { number: 8082 } } }] },
          { action: 'Deny', from: [ALL] },
        ],
      }),
    ],
    [
      {
        metadata: { namespace: X, name: 'own', uid: '' },
        spec: { podSelector: { matchLabels: { app: 'a' } }, ingress: [{ ports: [{ port: 8081 }] }] },
      },
    ],
  ],
];

async function step(
  title: string,
  { clusterPolicies, policies }: { clusterPolicies: readonly ClusterPolicy[]; policies: readonly Policy[] },
  { lab, report, world }: Context,
): Promise<void> {
  await replace(clusterPolicies, lab);
  await lab.kubectl(['delete', 'networkpolicies', '-n', X, '--all']);
  if (policies.length > 0)
    await lab.apply(
      policies.map(({ metadata: { namespace, name }, spec }) => ({
        apiVersion: 'networking.k8s.io/v1',
        kind: 'NetworkPolicy',
        metadata: { namespace, name },
        spec,
      })),
    );
  const wanted = { ...world, clusterPolicies: [...clusterPolicies], policies: [...policies] };
  report.equal(title, await differences(wanted, lab), []);
}

async function replace(policies: readonly ClusterPolicy[], lab: LabHandle): Promise<void> {
  const kept = new Set(policies.map(({ metadata }) => metadata.name));
  const present = await lab.kubectl(['get', 'clusternetworkpolicies', '-o', 'jsonpath={.items[*].metadata.name}']);
  const gone = present.split(' ').filter((name) => name !== '' && !kept.has(name));
  if (gone.length > 0) await lab.kubectl(['delete', 'clusternetworkpolicies', ...gone]);
  if (policies.length > 0) await lab.apply(policies.map(manifest));
}

function manifest({ metadata: { name }, spec }: ClusterPolicy): object {
  return {
    apiVersion: 'policy.networking.k8s.io/v1alpha2',
    kind: 'ClusterNetworkPolicy',
    metadata: { name },
    spec: JSON.parse(JSON.stringify(spec)) as object,
  };
}

/** Targets outside: a node by its labels, a pod by its address. */
async function nodesAndNetworks({ lab, report, world }: Context): Promise<void> {
  const target = world.pods.find(({ namespace, name }) => namespace === Y && name === 'c')?.ips[0] ?? '';
  const [near = '', far = ''] = lab.nodes;
  const nodes = { matchLabels: { 'kubernetes.io/hostname': far } };
  const policy = admin('outside', 1, {
    subject: appOf('b'),
    egress: [
      { action: 'Deny', to: [{ networks: [`${target}/32`] }] },
      { action: 'Deny', to: [{ nodes }] },
    ],
  });
  await step('a block as the target', { clusterPolicies: [policy], policies: [] }, { lab, report, world });
  const others = admin('outside', 1, { subject: appOf('a'), egress: [{ action: 'Deny', to: [{ nodes }] }] });
  await replace([others], lab);
  const from = { namespace: X, name: 'a', container: 'shell' };
  const reaches = async (node: string): Promise<boolean> => {
    const ip = await lab.kubectl([
      'get',
      'node',
      node,
      '-o',
      'jsonpath={.status.addresses[?(@.type=="InternalIP")].address}',
    ]);
    const { code } = await lab.execInPod(from, ['sh', '-c', `nc -w 2 ${ip.split(' ')[0]} 10250 </dev/null`]);
    return code === 0;
  };
  await report.check('a node is denied by its labels', () =>
    lab.waitFor('no answer', async () => !(await reaches(far))),
  );
  report.equal('and its own node is not', await reaches(near), true);
}

/** As with a NetworkPolicy: a pod that a policy is for is never without it. */
async function beforeTheFirstInstruction({ lab, report, world }: Context): Promise<void> {
  const target = world.pods.find(({ namespace, name }) => namespace === Y && name === 'c')?.ips[0] ?? '';
  await replace([admin('silent', 1, { subject: appOf('silent'), egress: [{ action: 'Deny', to: [ALL] }] })], lab);
  const names = lab.nodes.map((node) => ({ node, name: `silent-${node}` }));
  await silentFromTheStart({ lab, report }, { namespace: X, names, target, tries: 10 });
}

/** A rule that cannot be kept is told, and keeps no other from being in force. */
async function badInput({ lab, report, world }: Context): Promise<void> {
  const bad = admin('bad', 3, {
    ingress: [
      { action: 'Accept', from: [ALL], protocols: [{ destinationNamedPort: 'nobody' }] },
      { action: 'Deny', from: [ALL], protocols: [{ tcp: { destinationPort: { number: 8080 } } }] },
    ],
  });
  await step(
    'a port that nobody has leaves the other rules in force',
    { clusterPolicies: [bad], policies: [] },
    { lab, report, world },
  );
  const message = await lab.waitFor('its condition', async () => {
    const text = await lab.kubectl([
      'get',
      'cnp',
      'bad',
      '-o',
      'jsonpath={.status.conditions[?(@.type=="Ready")].message}',
    ]);
    return text !== '' && text;
  });
  report.equal('and is told', message.includes('destinationNamedPort "nobody"'), true);
}
