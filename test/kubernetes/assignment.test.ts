/** Which networks pods and namespaces get. */
import { describe, expect, test } from '@jest/globals';
import { ANNOTATION } from '../../kubernetes/annotations.ts';
import {
  assignmentForNamespace,
  assignmentForPod,
  formatAssignment,
  isSamePodAssignment,
  parseNamespaceAssignment,
  parsePodAssignment,
} from '../../kubernetes/assignment.ts';
import { context, MODE_CASES, own } from './mode-cases.ts';

test.each(MODE_CASES)('$name', ({ namespace, annotations, defaultMode, want }) => {
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

const decide = (pod: Readonly<Record<string, string>>, namespace: Readonly<Record<string, string>>) =>
  assignmentForPod({ annotations: pod }, { name: 'a', annotations: namespace }, context('cluster'));
const eth0 = (network: string, from: string) => ({
  kind: 'assigned',
  assignment: { mode: 'custom', interfaces: [{ name: 'eth0', network, from }] },
});

const annotate = (value: string | undefined): Readonly<Record<string, string>> =>
  value === undefined ? {} : { [ANNOTATION.network]: value };

describe('networks of users', () => {
  const operators = '{"domain":"default-domain","project":"operators","name":"blue"}';
  const pythons = "{'domain': 'default-domain', 'project': 'operators', 'name': 'blue'}";
  const BLUE = 'default-domain:operators:blue';
  test.each([
    { name: "the pod's choice", pod: operators, home: undefined, want: eth0(BLUE, 'pod') },
    { name: 'Python quoting', pod: pythons, home: undefined, want: eth0(BLUE, 'pod') },
    { name: "the namespace's choice", pod: undefined, home: operators, want: eth0(BLUE, 'namespace') },
    { name: "the pod's before the namespace's", pod: operators, home: 'red', want: eth0(BLUE, 'pod') },
    {
      name: 'a VirtualNetwork of the namespace',
      pod: 'red',
      home: undefined,
      want: { ...eth0('default-domain:k8s-a:red', 'pod'), uses: [] },
    },
    {
      name: "another namespace's VirtualNetwork, which takes a permission",
      pod: 'b/red',
      home: undefined,
      want: {
        ...eth0('default-domain:k8s-b:red', 'pod'),
        uses: [{ namespace: 'b', name: 'red', network: 'default-domain:k8s-b:red' }],
      },
    },
    {
      name: "another namespace's own network by its full name, too",
      pod: '{"domain":"default-domain","project":"k8s-b","name":"k8s-b-pod-network"}',
      home: undefined,
      want: { uses: [{ namespace: 'b', name: 'k8s-b-pod-network' }] },
    },
    {
      name: "never the nodes' network",
      pod: '{"domain":"default-domain","project":"default-project","name":"ip-fabric"}',
      home: undefined,
      want: { kind: 'refused', problems: [{ problem: 'is a network that no pod of a user may be in' }] },
    },
    {
      name: 'never a network of services',
      pod: 'k8s-a-service-network',
      home: undefined,
      want: { kind: 'refused', problems: [{ problem: 'is a network that no pod of a user may be in' }] },
    },
  ])('$name', ({ pod, home, want }) => {
    expect(decide(annotate(pod), annotate(home))).toMatchObject(want);
  });

  test('have precedence over isolation, and leave services in the cluster', () => {
    const annotations = { [ANNOTATION.network]: 'red', [ANNOTATION.isolation]: 'true' };
    const verdict = assignmentForNamespace({ name: 'a', annotations }, context('cluster'));
    expect(verdict).toMatchObject({
      assignment: {
        mode: 'custom',
        podNetwork: 'default-domain:k8s-a:red',
        serviceNetwork: 'default-domain:k8s-default:k8s-default-service-network',
      },
    });
  });
});

describe('isolated apps', () => {
  const home = { name: 'a', annotations: { [ANNOTATION.isolation]: 'app' } };
  const networkFor = (labels: Readonly<Record<string, string>>) => {
    const verdict = assignmentForPod({ annotations: {}, labels }, home, context('cluster'));
    return verdict.kind === 'assigned' ? verdict.assignment.interfaces[0]?.network : undefined;
  };

  test("put a pod into its app's network, by its label", () => {
    expect(networkFor({ [ANNOTATION.name]: 'web' })).toBe('default-domain:k8s-a:k8s-a-web-app-network');
  });

  test("put a pod without an app into the namespace's", () => expect(networkFor({})).toBe(own('a')));

  test('come by the default of the cluster, too, but not to the system', () => {
    const pod = { annotations: {}, labels: { [ANNOTATION.name]: 'web' } };
    const of = (name: string) => assignmentForPod(pod, { name, annotations: {} }, context('app'));
    expect(of('b')).toMatchObject({ assignment: { mode: 'app' } });
    expect(of('kube-system')).toMatchObject({ assignment: { mode: 'cluster' } });
  });
});

describe('refusals', () => {
  test("a pod inherits its namespace's, and is told whose it is", () => {
    const verdict = assignmentForPod(
      { annotations: {} },
      { name: 'a', annotations: { [ANNOTATION.network]: '{"domain":"d","project":"p"}' } },
      context('cluster'),
    );
    expect(verdict).toMatchObject({
      kind: 'refused',
      problems: [
        { annotation: ANNOTATION.network, problem: expect.stringContaining('of namespace a is wrong at name') },
      ],
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
