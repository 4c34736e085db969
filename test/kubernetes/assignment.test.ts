/** Which networks pods and namespaces get. */
import { describe, expect, test } from '@jest/globals';
import { createNames } from '../../contrail/names.ts';
import { ANNOTATION } from '../../kubernetes/annotations.ts';
import {
  assignmentForNamespace,
  assignmentForPod,
  formatAssignment,
  isSamePodAssignment,
  parseNamespaceAssignment,
  parsePodAssignment,
} from '../../kubernetes/assignment.ts';
import type { Mode } from '../../kubernetes/intent.ts';

const names = createNames({ cluster: 'k8s', domain: 'default-domain' });
const context = (defaultMode: Mode) => ({ clusterName: 'k8s', defaultMode, names });
const CLUSTER = 'default-domain:k8s-default:k8s-default-pod-network';
const own = (namespace: string): string => `default-domain:k8s-${namespace}:k8s-${namespace}-pod-network`;

interface Row {
  readonly name: string;
  readonly namespace: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly defaultMode: Mode;
  readonly want: readonly [mode: string, network: string, from: string];
}

const rows: readonly Row[] = [
  {
    name: 'nothing asked, cluster default',
    namespace: 'a',
    annotations: {},
    defaultMode: 'cluster',
    want: ['cluster', CLUSTER, 'cluster'],
  },
  {
    name: 'nothing asked, namespace default',
    namespace: 'a',
    annotations: {},
    defaultMode: 'namespace',
    want: ['namespace', own('a'), 'cluster'],
  },
  {
    name: 'isolated',
    namespace: 'a',
    annotations: { [ANNOTATION.isolation]: 'true' },
    defaultMode: 'cluster',
    want: ['namespace', own('a'), 'namespace'],
  },
  {
    name: 'isolated, any case',
    namespace: 'a',
    annotations: { [ANNOTATION.isolation]: ' TRUE ' },
    defaultMode: 'cluster',
    want: ['namespace', own('a'), 'namespace'],
  },
  {
    name: 'not isolated, against the default',
    namespace: 'a',
    annotations: { [ANNOTATION.isolation]: 'false' },
    defaultMode: 'namespace',
    want: ['cluster', CLUSTER, 'namespace'],
  },
  {
    name: 'the oldest spelling',
    namespace: 'a',
    annotations: { [ANNOTATION.isolatedOld]: 'true' },
    defaultMode: 'cluster',
    want: ['namespace', own('a'), 'namespace'],
  },
  {
    name: 'the newer spelling wins',
    namespace: 'a',
    annotations: { [ANNOTATION.isolatedOld]: 'true', [ANNOTATION.isolation]: 'false' },
    defaultMode: 'cluster',
    want: ['cluster', CLUSTER, 'namespace'],
  },
  {
    name: "the namespace default is the cluster's network",
    namespace: 'default',
    annotations: { [ANNOTATION.isolation]: 'true' },
    defaultMode: 'cluster',
    want: ['cluster', CLUSTER, 'cluster'],
  },
  {
    name: 'the system stays reachable where namespaces are isolated by default',
    namespace: 'kube-system',
    annotations: {},
    defaultMode: 'namespace',
    want: ['cluster', CLUSTER, 'cluster'],
  },
];

test.each(rows)('$name', ({ namespace, annotations, defaultMode, want }) => {
  const pod = assignmentForPod({ annotations: {} }, { name: namespace, annotations }, context(defaultMode));
  const [mode, network, from] = want;
  expect(pod).toMatchObject({
    kind: 'assigned',
    assignment: { version: 1, mode, interfaces: [{ name: 'eth0', network, from }] },
  });
  const verdict = assignmentForNamespace({ name: namespace, annotations }, context(defaultMode));
  expect(verdict).toMatchObject({
    kind: 'assigned',
    assignment: { mode, podNetwork: network, project: `default-domain:k8s-${namespace}` },
  });
});

describe('refusals', () => {
  test("a pod inherits its namespace's, and is told whose it is", () => {
    const verdict = assignmentForPod(
      { annotations: {} },
      { name: 'a', annotations: { [ANNOTATION.network]: '{"domain":"d","project":"p","name":"n"}' } },
      context('cluster'),
    );
    expect(verdict).toMatchObject({
      kind: 'refused',
      problems: [{ annotation: ANNOTATION.network, problem: 'of namespace a is not served by this version' }],
    });
  });

  test('all problems of a pod are named at once', () => {
    const verdict = assignmentForPod(
      { annotations: { [ANNOTATION.mac]: 'x', [ANNOTATION.ips]: 'y' } },
      { name: 'a', annotations: { [ANNOTATION.isolation]: 'z' } },
      context('cluster'),
    );
    expect(verdict.kind === 'refused' && verdict.problems.map(({ annotation }) => annotation).sort()).toEqual(
      [ANNOTATION.ips, ANNOTATION.isolation, ANNOTATION.mac].sort(),
    );
  });
});

function assigned(annotations: Readonly<Record<string, string>>) {
  const verdict = assignmentForPod({ annotations: {} }, { name: 'a', annotations }, context('cluster'));
  if (verdict.kind !== 'assigned') throw new Error('refused');
  return verdict.assignment;
}

describe('the annotation', () => {
  test('is read as it was written', () => {
    const assignment = assigned({ [ANNOTATION.isolation]: 'true' });
    expect(parsePodAssignment(formatAssignment(assignment))).toEqual(assignment);
    const verdict = assignmentForNamespace({ name: 'a', annotations: {} }, context('namespace'));
    if (verdict.kind !== 'assigned') throw new Error('refused');
    expect(parseNamespaceAssignment(formatAssignment(verdict.assignment))).toEqual(verdict.assignment);
  });

  test.each([undefined, '', '[]', '{"version":2,"mode":"cluster","interfaces":[]}', '{"version":1}'])(
    '%s is none',
    (text) => {
      expect(parsePodAssignment(text)).toBeUndefined();
      expect(parseNamespaceAssignment(text)).toBeUndefined();
    },
  );

  test('is the same wherever the networks are the same, whoever decided', () => {
    const [a, b] = [assigned({}), assigned({ [ANNOTATION.isolation]: 'false' })];
    expect(a).not.toEqual(b);
    expect(isSamePodAssignment(a, b)).toBe(true);
    expect(isSamePodAssignment(a, assigned({ [ANNOTATION.isolation]: 'true' }))).toBe(false);
  });
});
