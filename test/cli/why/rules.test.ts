/** Which policies and rules a vRouter's verdict is told by. */
import { expect, test } from '@jest/globals';
import type { PodEnd } from '../../../cli/reach/directory.ts';
import type { PolicyVerdict } from '../../../cli/why/model.ts';
import { policyReason, type Seen } from '../../../cli/why/rules.ts';
import type { SlimNetworkPolicy } from '../../../kubernetes/network-policy.ts';

const pod = (namespace: string, name: string, labels: PodEnd['labels']): PodEnd => ({
  namespace,
  name,
  labels,
  node: 'n1',
  hostNetwork: false,
  hostIP: '192.0.2.1',
  interfaces: [],
  namedPorts: name === 'web' ? { 'TCP http': 8080 } : {},
});
const WEB = pod('shop', 'web', { app: 'web' });
const FRONT = pod('shop', 'front', { app: 'front' });
const POLICY: SlimNetworkPolicy = {
  namespace: 'shop',
  name: 'web',
  uid: 'u1',
  podSelector: { matchLabels: { app: 'web' } },
  ingress: [
    { peers: [{ kind: 'pods', pods: { matchLabels: { app: 'other' } } }] },
    { peers: [{ kind: 'pods', pods: { matchLabels: { app: 'front' } } }], ports: [{ protocol: 'TCP', port: 'http' }] },
    { peers: [{ kind: 'block', cidr: '10.32.0.0/12', except: ['10.32.0.8/29'] }] },
    { ports: [{ protocol: 'TCP', port: 8000, endPort: 8100 }] },
  ],
};
/** Same selector, another direction. */
const EGRESS: SlimNetworkPolicy = { namespace: 'shop', name: 'out', uid: 'u2', podSelector: {}, egress: [] };

const seen = (peer: Partial<Seen['peer']>, port = 8080): Seen => ({
  direction: 'ingress',
  pod: WEB,
  peer: { address: '10.32.0.9', namespaceLabels: {}, ...peer },
  protocol: 'TCP',
  port,
});
const GROUPS = ['d:k8s-shop:web__u1', 'd:k8s-shop:out__u2', 'd:k8s-shop:default-egress-sg'];
const judged = (...by: readonly string[]): PolicyVerdict => ({
  kind: 'judged',
  tier: 'groups',
  isAllowed: by.length > 0,
  by: by.map((group) => ({
    by: group,
    peer: { kind: 'block', cidr: '0.0.0.0/0' },
    traffic: { protocols: [0, 255], destinationPorts: [0, 65_535] },
  })),
  groups: GROUPS,
});

test.each([
  ['rules that mean the peer, a named port as it is in the target', seen({ pod: FRONT }), [1, 3]],
  ['a block', seen({ address: '10.32.0.16' }, 9000), [2]],
  ['a range of ports alone where the address is an exception', seen({}), [3]],
])('an allowed flow is told by %s', (_, flow, rules) => {
  expect(policyReason(judged('d:k8s-shop:web__u1__ports__abc'), flow, [POLICY, EGRESS])).toMatchObject({
    verdict: 'allowed',
    by: rules.map((index) => `NetworkPolicy shop/web spec.ingress[${index}]`),
  });
});

test('a policy whose rules have changed meanwhile, and a group that is no policy’s, are told by name', () => {
  const { by } = policyReason(judged('d:k8s-shop:web__u1', 'd:k8s-shop:mine'), seen({}, 9000), [POLICY]);
  expect(by).toEqual(['NetworkPolicy shop/web', 'security group d:k8s-shop:mine']);
});

test('a denied flow is told by the policies that restrict its direction', () => {
  expect(policyReason(judged(), seen({}), [POLICY, EGRESS])).toEqual({
    direction: 'ingress',
    pod: 'shop/web',
    node: 'n1',
    verdict: 'denied',
    by: ['NetworkPolicy shop/web'],
    isByRule: false,
  });
  expect(policyReason(judged(), seen({}), []).by).toEqual(GROUPS.map((group) => `security group ${group}`));
});

test.each([
  ['denied', false, ['ClusterNetworkPolicy tenants others']],
  ['allowed', true, ['ClusterNetworkPolicy tenants friends']],
  // Of firewall policies none may mean it.
  ['denied', false, []],
] as const)('a flow that is %s by a tier of rules is told by the one that has decided', (word, isAllowed, names) => {
  const allowances = names.flatMap((name) => {
    const said = judged(name);
    return said.kind === 'judged' ? said.by : [];
  });
  const verdict: PolicyVerdict = { kind: 'judged', tier: 'admin', isAllowed, by: allowances, groups: GROUPS };
  expect(policyReason(verdict, seen({}), [POLICY])).toMatchObject({
    verdict: word,
    by: names,
    isByRule: names.length > 0,
  });
});

test('what is not judged has no rules', () => {
  expect(policyReason({ kind: 'exempt', groups: [] }, seen({}), [POLICY])).toMatchObject({ verdict: 'exempt', by: [] });
});
