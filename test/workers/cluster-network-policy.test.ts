/** A ClusterNetworkPolicy's translation: what fails closed, whom a named port concerns, and that a change makes new objects. */
import { describe, expect, test } from '@jest/globals';
import { desiredClusterPolicy, GLOBAL_SET } from '../../contrail/desired/cluster-network-policy.ts';
import type { FirewallRule } from '../../contrail/firewall.ts';
import { annotationOf, type ContrailObject } from '../../contrail/objects.ts';
import type { KubeObject } from '../../kubernetes/client.ts';
import { slimClusterPolicy } from '../../kubernetes/cluster-network-policy.ts';
import { clusterPolicyTags } from '../../workers/cluster-policy-parts.ts';
import { clusterPolicySubject } from '../../workers/desired/cluster-network-policy.ts';
import { mirroringOfPolicy } from '../../workers/mirrors.ts';
import { settings } from './settings-for-tests.ts';

const ALL = { namespaces: {} };
const SET = { type: 'application-policy-set', uuid: 'set', fq_name: GLOBAL_SET };

function policyOf(spec: object) {
  const raw = {
    metadata: { name: 'p', uid: 'u', generation: 1 },
    spec: { tier: 'Admin', priority: 7, subject: ALL, ...spec },
  };
  return slimClusterPolicy(raw as unknown as KubeObject);
}

function isRule(object: ContrailObject): object is FirewallRule {
  return object.type === 'firewall-rule';
}

function objectsOf(spec: object) {
  return desiredClusterPolicy(clusterPolicySubject(policyOf(spec), { pods: [], nodes: [] }), SET, settings);
}

describe('what is not known here fails closed', () => {
  test.each([
    ['an Accept accepts nothing', 'Accept', []],
    ['a Deny denies everything', 'Deny', ['Deny']],
    ['a Pass denies everything', 'Pass', ['Deny']],
  ])('%s', (_, action, actions) => {
    const subject = clusterPolicySubject(policyOf({ egress: [{ action, to: [{ domainNames: ['a.b'] }, ALL] }] }), {
      pods: [],
      nodes: [],
    });
    expect(subject.rules.map((rule) => [rule.action, rule.peer.kind])).toEqual(
      actions.map((each) => [each, 'everybody']),
    );
    expect(subject.problems).toEqual([expect.stringContaining('spec.egress[0]: peer "domainNames" is not supported')]);
  });

  test('nodes that nobody is are nobody', () => {
    const subject = clusterPolicySubject(policyOf({ egress: [{ action: 'Deny', to: [{ nodes: {} }] }] }), {
      pods: [],
      nodes: [],
    });
    expect(subject.rules).toEqual([]);
  });
});

test('what is accepted is copied, and nothing else', () => {
  const policy = policyOf({ ingress: ['Accept', 'Pass', 'Deny'].map((action) => ({ action, from: [ALL] })) });
  const mirror = { analyzer: 'vm', address: '10.32.0.9', network: 'd:p:n' };
  const facts = { pods: [], nodes: [], mirroring: { kind: 'mirrored', mirror } } as const;
  const rules = desiredClusterPolicy(clusterPolicySubject(policy, facts), SET, settings).filter(isRule);
  expect(rules.map(({ action_list: actions }) => actions?.mirror_to?.analyzer_ip_address)).toEqual([
    '10.32.0.9',
    undefined,
    undefined,
  ]);
});

test.each([
  ['sensor-0', '"sensor-0" '],
  ['a/b/c', '"a/b/c" has more than one "/"; write namespace and name of a pod, such as "monitoring/sensor-0"'],
  [
    'far/gone',
    '"gone": no copies are sent, because there is no pod gone with an address of its own in namespace far yet',
  ],
])('an analyzer that is none is told: %s', (value, told) => {
  const policy = { ...policyOf({}), mirror: value };
  const mirroring = mirroringOfPolicy(policy, () => undefined, settings.names);
  expect(clusterPolicySubject(policy, { pods: [], nodes: [], mirroring }).unserved).toContain(
    `annotation opencontrail.org/mirror-accepted: ${told}`,
  );
});

test('a port’s name means the numbers that it has, each in the pods that have it', () => {
  const policy = policyOf({
    ingress: [{ action: 'Accept', from: [ALL], protocols: [{ destinationNamedPort: 'web' }] }],
  });
  const pods = [80, 81].map((number) => ({
    pod: { namespace: 'a', labels: {}, namedPorts: [{ name: 'web', protocol: 'TCP' as const, number }] },
    namespaceLabels: {},
  }));
  const subject = clusterPolicySubject(policy, { pods, nodes: [] });
  expect(subject.rules.map(({ services }) => services)).toEqual(
    [80, 81].map((number) => [{ protocol: 'tcp', ports: [number, number] }]),
  );
  for (const [index, placed] of pods.entries()) {
    const carried = clusterPolicyTags(placed, [policy]).map(({ tag }) => tag);
    expect(carried).toContain(`label=${subject.rules[index]?.subject}`);
    expect(carried).not.toContain(`label=${subject.rules[1 - index]?.subject}`);
  }
});

test('a policy stands in the set by its priority, and says its tier', () => {
  const objects = objectsOf({ ingress: [{ action: 'Pass', from: [ALL] }] });
  const policy = objects.find(({ type }) => type === 'firewall-policy');
  expect(annotationOf(policy!, 'tier')).toBe('Admin');
  expect(objects.at(-1)).toMatchObject({ type: 'reference', attr: { sequence: '00007.0' } });
});

const rulesOf = (action: string) =>
  objectsOf({
    ingress: [
      { action, from: [ALL] },
      { action: 'Deny', from: [ALL] },
    ],
  })
    .filter(({ type }) => type === 'firewall-rule')
    .map(({ fq_name: name }) => name.at(-1));

test('a rule that changes is another object, and the others stay the same', () => {
  const [before, after] = [rulesOf('Accept'), rulesOf('Pass')];
  expect(after.filter((name) => before.includes(name))).toHaveLength(1);
});
