/** A ClusterNetworkPolicy's translation: what fails closed, whom a named port concerns, and that a change makes new objects. */
import { describe, expect, test } from '@jest/globals';
import { desiredClusterPolicy, GLOBAL_SET } from '../../contrail/desired/cluster-network-policy.ts';
import { annotationOf } from '../../contrail/objects.ts';
import type { KubeObject } from '../../kubernetes/client.ts';
import { slimClusterPolicy } from '../../kubernetes/cluster-network-policy.ts';
import { clusterPolicyTags } from '../../workers/cluster-policy-parts.ts';
import { clusterPolicySubject } from '../../workers/desired/cluster-network-policy.ts';
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
