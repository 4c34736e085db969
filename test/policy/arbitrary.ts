/** Random small worlds of namespaces, pods and policies, dense enough that most rules concern somebody. */
import fc from 'fast-check';
import type { ClusterPeer, ClusterPolicy, ClusterRule } from './cluster-reference.ts';
import type { Selector } from './matching.ts';
import type { Peer, Pod, Policy, Port, World } from './reference.ts';

const KEYS = ['app', 'tier'];
const VALUES = ['a', 'b', 'c'];
export const NUMBERS = [53, 80, 81, 90, 443];
const NAMESPACES = ['one', 'two', 'three'];
export const PROTOCOLS = ['TCP', 'UDP', 'SCTP'] as const;
const PORT_NAMES = ['http', 'dns'];
export const OUTSIDE = ['192.0.2.7', '192.0.2.200', '10.9.9.9', '2001:db8::7'];
const BLOCKS = [
  '0.0.0.0/0',
  '10.32.0.0/12',
  '10.32.0.0/30',
  '192.0.2.0/24',
  '192.0.2.0/25',
  '::/0',
  'fd00::/64',
  '2001:db8::/32',
];
const HOLES: Readonly<Record<string, readonly string[]>> = {
  '0.0.0.0/0': ['10.0.0.0/8', '192.0.2.128/25', '10.32.0.1/32'],
  '10.32.0.0/12': ['10.32.0.2/31', '10.32.0.4/32'],
  '192.0.2.0/24': ['192.0.2.0/28', '192.0.2.192/26'],
  '::/0': ['fd00::2/128', '2001:db8::/32'],
  'fd00::/64': ['fd00::1/128'],
};

const labels = fc.dictionary(fc.constantFrom(...KEYS), fc.constantFrom(...VALUES), { maxKeys: 2 });
const expression = fc.record({
  key: fc.constantFrom(...KEYS),
  operator: fc.constantFrom('In', 'NotIn', 'Exists', 'DoesNotExist'),
  values: fc.uniqueArray(fc.constantFrom(...VALUES), { minLength: 1, maxLength: 2 }),
});
const selector: fc.Arbitrary<Selector> = fc.oneof(
  { weight: 2, arbitrary: fc.constant({}) },
  { weight: 3, arbitrary: labels.map((matchLabels) => ({ matchLabels })) },
  {
    weight: 2,
    arbitrary: fc.array(expression, { minLength: 1, maxLength: 2 }).map((matchExpressions) => ({ matchExpressions })),
  },
  fc.record({ matchLabels: labels, matchExpressions: fc.array(expression, { maxLength: 1 }) }),
);
const block: fc.Arbitrary<Peer> = fc
  .constantFrom(...BLOCKS)
  .chain((cidr) =>
    fc
      .subarray([...(HOLES[cidr] ?? [])])
      .map((except) => ({ ipBlock: { cidr, ...(except.length > 0 ? { except } : {}) } })),
  );
const peer: fc.Arbitrary<Peer> = fc.oneof(
  selector.map((podSelector) => ({ podSelector })),
  selector.map((namespaceSelector) => ({ namespaceSelector })),
  fc.record({ podSelector: selector, namespaceSelector: selector }),
  block,
);
const protocol = fc.option(fc.constantFrom(...PROTOCOLS), { nil: undefined });
const port: fc.Arbitrary<Port> = fc.oneof(
  fc.record({ protocol }),
  fc.record({ protocol, port: fc.constantFrom<number | string>(...NUMBERS, ...PORT_NAMES, 'nobody') }),
  fc.record({ protocol, port: fc.constantFrom(...NUMBERS), endPort: fc.constantFrom(90, 443, 1000) }).map((range) => ({
    ...range,
    endPort: Math.max(range.port, range.endPort),
  })),
);
const peers = fc.option(fc.array(peer, { maxLength: 3 }), { nil: undefined });
const ports = fc.option(fc.array(port, { maxLength: 3 }), { nil: undefined });
const types = fc.constantFrom<Policy['spec']['policyTypes']>(undefined, ['Ingress'], ['Egress'], ['Ingress', 'Egress']);

const policy: fc.Arbitrary<Omit<Policy, 'metadata'> & { namespace: string }> = fc.record({
  namespace: fc.constantFrom(...NAMESPACES),
  spec: fc.record(
    {
      podSelector: selector,
      policyTypes: types,
      ingress: fc.array(fc.record({ from: peers, ports }, { requiredKeys: [] }), { maxLength: 2 }),
      egress: fc.array(fc.record({ to: peers, ports }, { requiredKeys: [] }), { maxLength: 2 }),
    },
    { requiredKeys: ['podSelector'] },
  ) as fc.Arbitrary<Policy['spec']>,
});

const subject = fc.oneof(
  selector.map((namespaces) => ({ namespaces })),
  fc.record({ namespaceSelector: selector, podSelector: selector }).map((pods) => ({ pods })),
);
const target: fc.Arbitrary<ClusterPeer> = fc.oneof(
  { weight: 3, arbitrary: subject },
  { weight: 1, arbitrary: selector.map((nodes) => ({ nodes })) },
  {
    weight: 2,
    arbitrary: fc
      .uniqueArray(fc.constantFrom(...BLOCKS), { minLength: 1, maxLength: 2 })
      .map((networks) => ({ networks })),
  },
);
const destination = fc.oneof(
  fc.constant({}),
  fc.constantFrom(...NUMBERS).map((number) => ({ destinationPort: { number } })),
  fc.constantFrom(53, 80).map((start) => ({ destinationPort: { range: { start, end: 90 } } })),
);
const transport = fc.oneof(
  ...(['tcp', 'udp', 'sctp'] as const).map((name) => destination.map((match) => ({ [name]: match }))),
);
const named = fc.constantFrom(...PORT_NAMES, 'nobody').map((destinationNamedPort) => ({ destinationNamedPort }));
const action = fc.constantFrom<ClusterRule['action']>('Accept', 'Deny', 'Pass');
const several = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(of, { minLength: 1, maxLength: 2 });
const clusterPolicy: fc.Arbitrary<ClusterPolicy['spec']> = fc.record({
  tier: fc.constantFrom('Admin' as const, 'Baseline' as const),
  priority: fc.integer({ min: 0, max: 2 }),
  subject,
  ingress: fc.array(
    fc.oneof(
      fc.record({ action, from: several(subject) }),
      fc.record({ action, from: several(subject), protocols: several(fc.oneof(transport, named)) }),
    ),
    { maxLength: 3 },
  ),
  egress: fc.array(
    fc.oneof(
      fc.record({ action, to: several(target) }),
      fc.record({ action, to: several(target), protocols: several(transport) }),
      fc.record({ action, to: several(subject), protocols: several(named) }),
    ),
    { maxLength: 3 },
  ),
}) as fc.Arbitrary<ClusterPolicy['spec']>;

const containerPorts: fc.Arbitrary<Pod['ports']> = fc.uniqueArray(
  fc.record({
    name: fc.constantFrom(...PORT_NAMES),
    protocol: fc.constantFrom(...PROTOCOLS),
    containerPort: fc.constantFrom(...NUMBERS),
  }),
  { maxLength: 2, selector: ({ name, protocol: of }) => `${name} ${of}` },
);
const pod = fc.record({ namespace: fc.constantFrom(...NAMESPACES), labels, ports: containerPorts });

/** Machines outside that are nodes of the cluster. */
const NODES = [
  { labels: { app: 'a' }, ips: ['192.0.2.7', '2001:db8::7'] },
  { labels: { app: 'b' }, ips: ['192.0.2.200'] },
];

/** Worlds of up to eight pods, with an address of each family, up to five policies, and up to three of the cluster's. */
export const world: fc.Arbitrary<World> = fc
  .record({
    namespaces: fc.tuple(labels, labels, labels),
    pods: fc.array(pod, { minLength: 2, maxLength: 8 }),
    policies: fc.array(policy, { minLength: 1, maxLength: 5 }),
    clusterPolicies: fc.array(clusterPolicy, { maxLength: 3 }),
  })
  .map(({ namespaces, pods, policies, clusterPolicies }) => ({
    nodes: NODES,
    clusterPolicies: clusterPolicies.map((spec, index) => ({
      metadata: { name: `cnp${index}`, uid: `cluster-${index}` },
      spec,
    })),
    namespaces: Object.fromEntries(NAMESPACES.map((name, index) => [name, namespaces[index] ?? {}])),
    pods: pods.map((each, index) => ({
      ...each,
      name: `p${index}`,
      ips: [`10.32.0.${index + 1}`, `fd00::${index + 1}`],
    })),
    policies: policies.map(({ namespace, spec }, index) => ({
      metadata: { namespace, name: `np${index}`, uid: `uid-${index}` },
      spec,
    })),
  }));
