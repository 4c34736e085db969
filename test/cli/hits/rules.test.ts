/** Counts of nodes under the names of policies and rules. */
import { expect, test } from '@jest/globals';
import type { NodeHit } from '../../../cli/hits/model.ts';
import { hitsText } from '../../../cli/hits/report.ts';
import { ruleHits } from '../../../cli/hits/rules.ts';
import { policyRuleUuid } from '../../../contrail/names.ts';
import type { SlimNetworkPolicy } from '../../../kubernetes/network-policy.ts';

const UID = '11111111-2222-4333-8444-555555555555';
const WEB: SlimNetworkPolicy = {
  namespace: 'shop',
  name: 'web',
  uid: UID,
  podSelector: {},
  ingress: [{}, {}],
  egress: [{}],
};
const GROUP = `d:k8s-shop:web__${UID}`;
const hit = (by: string, counted: Partial<NodeHit>): NodeHit => ({
  direction: 'ingress',
  tier: 'groups',
  by,
  allowed: 0,
  refused: 0,
  ...counted,
});
const rule = (direction: 'ingress' | 'egress', index: number): string => policyRuleUuid(UID, direction, index);

test('a rule’s counts are those of all nodes, whatever group of the policy it stands in', () => {
  const counted = [
    hit(GROUP, { rule: rule('ingress', 1), allowed: 2 }),
    hit(`${GROUP}__ports__0123456789abcdef`, { rule: rule('ingress', 1), allowed: 3 }),
    hit(GROUP, { direction: 'egress', rule: rule('egress', 0), allowed: 1 }),
    hit(GROUP, { refused: 7 }),
  ];
  const policy = 'NetworkPolicy shop/web';
  expect(ruleHits(counted, [WEB], false)).toEqual([
    { direction: 'egress', policy, rule: 'spec.egress[0]', allowed: 1, refused: 0 },
    { direction: 'ingress', policy, allowed: 0, refused: 7 },
    { direction: 'ingress', policy, rule: 'spec.ingress[1]', allowed: 5, refused: 0 },
  ]);
});

test('groups that only say who somebody is, are open, or are of a policy that is gone, are not told', () => {
  const counted = [
    `${GROUP}__peer__0123456789abcdef`,
    'd:k8s-shop:k8s-shop-default-egress-sg',
    'd:k8s-shop:gone__99999999-2222-4333-8444-555555555555',
  ].map((by) => hit(by, { refused: 1 }));
  expect(ruleHits(counted, [WEB], false)).toEqual([]);
  const { egress: _egress, ...ingressOnly } = WEB;
  expect(ruleHits([hit(GROUP, { direction: 'egress', refused: 1 })], [ingressOnly], false)).toEqual([]);
});

test('what operators and ClusterNetworkPolicies have written is told by its own names', () => {
  const counted = [
    hit('d:project:own', { allowed: 1, rule: 'x' }),
    hit('ClusterNetworkPolicy tenants others', { tier: 'admin', refused: 1 }),
    hit('default-policy-management:shop web-to-db', { tier: 'applications', allowed: 1 }),
    hit('firewall policies', { tier: 'applications', refused: 2 }),
  ];
  expect(ruleHits(counted, [], false).map(({ policy, rule: name }) => [policy, name])).toEqual([
    ['ClusterNetworkPolicy tenants', 'others'],
    ['default-policy-management:shop', 'web-to-db'],
    ['firewall policies', undefined],
    ['security group d:project:own', undefined],
  ]);
});

test('rules that have decided nothing are told where they are asked for', () => {
  const counted = [hit(GROUP, { rule: rule('ingress', 0), allowed: 12 })];
  expect(hitsText(ruleHits(counted, [WEB], true))).toBe(
    [
      'POLICY                  RULE             ALLOWED  REFUSED',
      'NetworkPolicy shop/web  spec.egress[0]         0        0',
      'NetworkPolicy shop/web  spec.ingress[0]       12        0',
      'NetworkPolicy shop/web  spec.ingress[1]        0        0',
      '',
    ].join('\n'),
  );
  expect(hitsText([{ direction: 'ingress', policy: 'p', allowed: 0, refused: 1 }])).toContain(
    'p       ingress, no rule',
  );
});
