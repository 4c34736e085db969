/** What users of the original system have written on their objects: every key of facts 2.1 and 2.2, and what becomes of it here. */
import { describe, expect, test } from '@jest/globals';
import { createNames } from '../../contrail/names.ts';
import { type AnnotatedKind, REQUESTS, RESULTS } from '../../kubernetes/annotation-contract.ts';
import { ANNOTATION } from '../../kubernetes/annotations.ts';
import {
  appOf,
  type AssignmentContext,
  assignmentForNamespace,
  assignmentForPod,
} from '../../kubernetes/assignment.ts';
import { meaningOf } from '../../kubernetes/attachment-definition.ts';
import { furtherInterfaces } from '../../kubernetes/attachments.ts';
import { parseNames } from '../../kubernetes/grammar.ts';
import { reviewAnnotations } from '../../kubernetes/problems.ts';

const names = createNames({ cluster: 'k8s', domain: 'default-domain' });
const PYTHON = "{'domain': 'default-domain', 'project': 'operators', 'name': 'blue'}";
const JSON_TEXT = '{"domain": "default-domain", "project": "operators", "name": "blue", "more": 1}';
const POOL = "{'domain': 'default-domain', 'project': 'k8s-default', 'network': 'public', 'name': 'fip'}";
const BLUE = 'default-domain:operators:blue';
const OWN = 'default-domain:k8s-dev:k8s-dev-pod-network';
const CLUSTER = 'default-domain:k8s-default:k8s-default-pod-network';

const definition = { namespace: 'dev', name: 'net', config: '{"type": "contrail-k8s-cni"}' };
const context: AssignmentContext = {
  clusterName: 'k8s',
  defaultMode: 'cluster',
  names,
  definitionOf: (namespace, name) => ({
    ...definition,
    namespace,
    name,
    uid: 'u',
    annotations: { [ANNOTATION.cidr]: '10.20.0.0/24' },
  }),
};

type Texts = Readonly<Record<string, string>>;

function networkOf(pod: Texts, namespace: Texts = {}, labels: Texts = {}): string | undefined {
  const home = { name: 'dev', annotations: namespace };
  const verdict = assignmentForPod({ annotations: pod, labels }, home, context);
  return verdict.kind === 'assigned' ? verdict.assignment.interfaces[0]?.network : undefined;
}

function servicesOf(namespace: Texts): string | undefined {
  const verdict = assignmentForNamespace({ name: 'dev', annotations: namespace }, context);
  return verdict.kind === 'assigned' ? verdict.assignment.serviceNetwork : undefined;
}

describe('keys of the reference generation (2.1)', () => {
  test.each<readonly [string, Texts, Texts, string]>([
    ['network on a pod, a Python literal', { [ANNOTATION.network]: PYTHON }, {}, BLUE],
    ['network on a pod, JSON with more in it', { [ANNOTATION.network]: JSON_TEXT }, {}, BLUE],
    ['network on a namespace', {}, { [ANNOTATION.network]: PYTHON }, BLUE],
    ['isolation', {}, { [ANNOTATION.isolation]: 'true' }, OWN],
    ['isolation in any case', {}, { [ANNOTATION.isolation]: 'TRUE' }, OWN],
    ['isolation that is none', {}, { [ANNOTATION.isolation]: 'false' }, CLUSTER],
    ["a pod's network before its namespace's", { [ANNOTATION.network]: PYTHON }, { [ANNOTATION.network]: 'x' }, BLUE],
    ["a pod's network before isolation", { [ANNOTATION.network]: PYTHON }, { [ANNOTATION.isolation]: 'true' }, BLUE],
    [
      "a namespace's network before isolation",
      {},
      { [ANNOTATION.network]: PYTHON, [ANNOTATION.isolation]: 'true' },
      BLUE,
    ],
    ['isolation before the cluster’s default', {}, { [ANNOTATION.isolation]: 'true' }, OWN],
    ['nothing', {}, {}, CLUSTER],
  ])('%s', (_title, pod, namespace, want) => expect(networkOf(pod, namespace)).toBe(want));

  test('a network on a namespace moves no services', () => {
    const cluster = 'default-domain:k8s-default:k8s-default-service-network';
    expect(servicesOf({ [ANNOTATION.network]: PYTHON, [ANNOTATION.isolation]: 'true' })).toBe(cluster);
  });

  test.each([
    ['network on a definition', { [ANNOTATION.network]: PYTHON }, { kind: 'reference' }],
    ['cidr', { [ANNOTATION.cidr]: '10.20.0.0/24' }, { kind: 'subnets', cidrs: ['10.20.0.0/24'], snat: false }],
    [
      'cidr of IPv6, and SNAT in any case',
      { [ANNOTATION.cidr]: 'fd00::/64', [ANNOTATION.snat]: 'True' },
      { kind: 'subnets', snat: true },
    ],
  ])('on a definition: %s', (_title, annotations, want) => {
    expect(meaningOf({ ...definition, annotations })).toMatchObject(want);
  });

  test.each([
    ['a list of objects', '[{"name": "a", "namespace": "dev", "interface": "left"}, {"name": "b"}]', 'left net2'],
    ['names', 'a,dev/b', 'net1 net2'],
    ['names with spaces, and of interfaces', ' a@left , dev/b@right ', 'left right'],
  ])('further interfaces as %s', (_title, text, want) => {
    const found = furtherInterfaces({ [ANNOTATION.networks]: text }, 'dev', context);
    expect(found.kind === 'interfaces' ? found.interfaces.map(({ name }) => name).join(' ') : found).toBe(want);
  });

  test.each<readonly [AnnotatedKind, string, string]>([
    ['Service', ANNOTATION.fipPool, POOL],
    ['Ingress', ANNOTATION.fipPool, POOL],
    ['Namespace', ANNOTATION.fipPool, POOL],
    ['Namespace', ANNOTATION.forwarding, 'True'],
    ['Namespace', ANNOTATION.snat, 'TRUE'],
    ['NetworkAttachmentDefinition', ANNOTATION.forwarding, 'false'],
    ['NetworkAttachmentDefinition', ANNOTATION.snat, 'true'],
    ['Ingress', ANNOTATION.externalIP, '203.0.113.9'],
    ['Namespace', ANNOTATION.networkPolicyOld, '{"ingress":{"isolation":"DefaultDeny"}}'],
  ])('on a %s, %s: %s is admitted', (kind, key, value) => {
    expect(REQUESTS.some((each) => each.key === key && each.on.includes(kind))).toBe(true);
    expect(reviewAnnotations(kind, { [key]: value }).problems).toEqual([]);
  });

  test('network-status is a result', () => {
    expect(RESULTS.map(({ key }) => key)).toContain(ANNOTATION.networkStatus);
  });
});

describe('older spellings (2.2)', () => {
  const apps = { [ANNOTATION.isolation]: 'app' };
  const web = 'default-domain:k8s-dev:k8s-dev-web-app-network';

  test.each<readonly [string, Texts, Texts, Texts, string]>([
    ['the early isolation', {}, { [ANNOTATION.isolatedOld]: 'true' }, {}, OWN],
    [
      'which the later one overrules',
      {},
      { [ANNOTATION.isolatedOld]: 'true', [ANNOTATION.isolation]: 'false' },
      {},
      CLUSTER,
    ],
    [
      'service isolation off moves nothing',
      {},
      { [ANNOTATION.isolation]: 'true', [ANNOTATION.isolationService]: 'false' },
      {},
      OWN,
    ],
    ['the name as a label', {}, apps, { [ANNOTATION.name]: 'web' }, web],
    ['the name as an annotation', { [ANNOTATION.name]: 'web' }, apps, {}, web],
    ['of both, the label', { [ANNOTATION.name]: 'db' }, apps, { [ANNOTATION.name]: 'web' }, web],
  ])('%s', (...[, pod, namespace, labels, want]) => expect(networkOf(pod, namespace, labels)).toBe(want));

  test('a name that no label could have is refused', () => {
    expect(reviewAnnotations('Pod', { [ANNOTATION.name]: 'no name' }).problems).toHaveLength(1);
    expect(appOf({ annotations: { [ANNOTATION.name]: '' } })).toBeUndefined();
  });

  test.each([
    ['a string', 'db', ['db']],
    ['a JSON string', '"db"', ['db']],
    ['a JSON list', '["db", "cache"]', ['db', 'cache']],
    ['a Python list', "['db']", ['db']],
  ])('services as %s', (_title, text, want) => {
    expect(parseNames(text)).toEqual({ ok: true, value: want });
    expect(reviewAnnotations('Pod', { [ANNOTATION.services]: text }).problems).toEqual([]);
  });

  test.each([ANNOTATION.podState, 'core.juniper.net/x', 'net.juniper.contrail.x'])('%s is nobody’s business', (key) => {
    expect(reviewAnnotations('Pod', { [key]: 'x' })).toEqual({ problems: [], warnings: [] });
  });
});
