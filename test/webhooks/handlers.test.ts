/** The handlers, as tables and properties; the patch is applied as the API server would. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createNames } from '../../contrail/names.ts';
import { REQUESTS } from '../../kubernetes/annotation-contract.ts';
import { ANNOTATION, MODE_LABEL } from '../../kubernetes/annotations.ts';
import type { Decision } from '../../webhooks/decision.ts';
import type { ClusterView, Handler } from '../../webhooks/handlers/handler.ts';
import { mutateNamespace, validateNamespace } from '../../webhooks/handlers/namespaces.ts';
import { mutatePod, validatePod } from '../../webhooks/handlers/pods.ts';
import { mapPatch, type PatchOperation } from '../../webhooks/patch.ts';
import { type AdmissionRequest, parseReview, type ReviewedObject } from '../../webhooks/review.ts';

type Texts = Readonly<Record<string, string>>;
const NETWORK = 'default-domain:k8s-dev:k8s-dev-pod-network';
const CLUSTER_TEXT =
  '{"version":1,"mode":"cluster","interfaces":[{"name":"eth0","network":"default-domain:k8s-default:k8s-default-pod-network","from":"cluster"}]}';
const DEV_TEXT = `{"version":1,"mode":"namespace","interfaces":[{"name":"eth0","network":"${NETWORK}","from":"namespace"}]}`;

function view(annotations: Texts = {}, known = true): ClusterView {
  const names = createNames({ cluster: 'k8s', domain: 'default-domain' });
  const namespace = known ? { name: 'dev', uid: 'u', labels: {}, annotations } : undefined;
  return { context: { clusterName: 'k8s', defaultMode: 'cluster', names }, namespace, podCidrs: ['10.32.0.0/12'] };
}

interface Call {
  readonly operation?: 'CREATE' | 'UPDATE' | 'DELETE';
  readonly resource?: 'pods' | 'namespaces';
  readonly annotations?: Texts | null;
  readonly before?: Texts;
  readonly labels?: Texts;
  readonly spec?: object;
  readonly deletionTimestamp?: string;
  readonly dryRun?: boolean;
}

function request(call: Call): AdmissionRequest {
  const { operation = 'CREATE', resource = 'pods', before = {}, spec = {}, dryRun = false } = call;
  const { annotations, labels, deletionTimestamp } = call;
  // What is undefined is dropped by JSON, as an absent field is.
  const object = { metadata: { name: 'x', annotations, labels, deletionTimestamp }, spec };
  const body = {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'call',
      resource: { group: '', version: 'v1', resource },
      operation,
      dryRun,
      namespace: 'dev',
      name: resource === 'namespaces' ? 'dev' : '',
      userInfo: { username: 'alice' },
      object: operation === 'DELETE' ? null : object,
      oldObject: operation === 'CREATE' ? null : { metadata: { name: 'x', annotations: before }, spec },
    },
  };
  const parsed = parseReview(JSON.parse(JSON.stringify(body)));
  if (parsed.kind === 'invalid') throw new Error(parsed.message);
  return parsed.request;
}

/** The object after the decision's patch; throws where the API server would. */
function after(object: ReviewedObject | null | undefined, decision: Decision): Record<string, unknown> {
  const copy = JSON.parse(JSON.stringify(object)) as Record<string, unknown>;
  for (const operation of decision.kind === 'patched' ? decision.operations : []) applyOperation(copy, operation);
  return copy;
}

function applyOperation(object: Record<string, unknown>, operation: PatchOperation): void {
  const tokens = operation.path
    .split('/')
    .slice(1)
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = tokens.pop() ?? '';
  let parent: unknown = object;
  for (const token of tokens) parent = (parent as Record<string, unknown>)[token];
  if (typeof parent !== 'object' || parent === null) throw new Error(`${operation.path}: its parent is absent`);
  const holder = parent as Record<string, unknown>;
  if (operation.op === 'remove') {
    if (!Object.hasOwn(holder, last)) throw new Error(`${operation.path}: absent`);
    delete holder[last];
  } else holder[last] = operation.value;
}

interface Row {
  readonly name: string;
  readonly handler: Handler;
  readonly call: Call;
  readonly namespace?: Texts;
  readonly want: Partial<Record<'kind' | 'code' | 'message' | 'operations', unknown>> & {
    readonly annotations?: Texts;
  };
}

const ISOLATED = { [ANNOTATION.isolation]: 'true' };
const rows: readonly Row[] = [
  {
    name: 'assigns a pod without annotations',
    handler: mutatePod,
    call: {},
    want: { kind: 'patched', annotations: { [ANNOTATION.assignment]: CLUSTER_TEXT } },
  },
  {
    name: 'assigns a pod whose annotations are null',
    handler: mutatePod,
    call: { annotations: null },
    want: { kind: 'patched', annotations: { [ANNOTATION.assignment]: CLUSTER_TEXT } },
  },
  {
    name: 'assigns a pod of an isolated namespace',
    handler: mutatePod,
    call: { annotations: { a: 'b' } },
    namespace: ISOLATED,
    want: { kind: 'patched', annotations: { a: 'b', [ANNOTATION.assignment]: DEV_TEXT } },
  },
  {
    name: 'overwrites a forged assignment',
    handler: mutatePod,
    call: { annotations: { [ANNOTATION.assignment]: DEV_TEXT } },
    want: { kind: 'patched', annotations: { [ANNOTATION.assignment]: CLUSTER_TEXT } },
  },
  {
    name: 'takes results of another pod away',
    handler: mutatePod,
    call: {
      annotations: { [ANNOTATION.ports]: 'x', [ANNOTATION.networkStatus]: 'y', [ANNOTATION.assignment]: CLUSTER_TEXT },
    },
    want: { kind: 'patched', annotations: { [ANNOTATION.assignment]: CLUSTER_TEXT } },
  },
  {
    name: 'patches nothing on a pod that is assigned right',
    handler: mutatePod,
    call: { annotations: { [ANNOTATION.assignment]: CLUSTER_TEXT } },
    want: { kind: 'allowed' },
  },
  {
    name: 'refuses a bad request already when mutating',
    handler: mutatePod,
    call: { annotations: { [ANNOTATION.mac]: 'x' } },
    want: { kind: 'denied', code: 422, message: expect.stringContaining('opencontrail.org/mac: "x"') },
  },
  {
    name: 'leaves updates of pods alone',
    handler: mutatePod,
    call: { operation: 'UPDATE' },
    want: { kind: 'allowed' },
  },
  {
    name: 'leaves host-network pods alone',
    handler: mutatePod,
    call: { spec: { hostNetwork: true } },
    want: { kind: 'allowed' },
  },
  {
    name: 'leaves mirror pods alone',
    handler: mutatePod,
    call: { annotations: { 'kubernetes.io/config.mirror': 'x' } },
    want: { kind: 'allowed' },
  },
  {
    name: 'admits a pod that was not assigned, for a worker to do it',
    handler: validatePod,
    call: {},
    want: { kind: 'allowed' },
  },
  {
    name: 'admits the assignment that it would have written',
    handler: validatePod,
    call: { annotations: { [ANNOTATION.assignment]: DEV_TEXT } },
    namespace: ISOLATED,
    want: { kind: 'allowed' },
  },
  {
    name: 'denies another assignment',
    handler: validatePod,
    call: { annotations: { [ANNOTATION.assignment]: DEV_TEXT } },
    want: { kind: 'denied', code: 403, message: expect.stringContaining('remove the annotation') },
  },
  {
    name: 'denies ports on a new pod',
    handler: validatePod,
    call: { annotations: { [ANNOTATION.ports]: '{}' } },
    want: { kind: 'denied', code: 403 },
  },
  {
    name: 'denies a changed assignment',
    handler: validatePod,
    call: {
      operation: 'UPDATE',
      before: { [ANNOTATION.assignment]: CLUSTER_TEXT },
      annotations: { [ANNOTATION.assignment]: DEV_TEXT },
    },
    want: { kind: 'denied', code: 403, message: expect.stringContaining('re-create the pod') },
  },
  {
    name: 'denies a removed assignment',
    handler: validatePod,
    call: { operation: 'UPDATE', before: { [ANNOTATION.assignment]: CLUSTER_TEXT } },
    want: { kind: 'denied', code: 403 },
  },
  {
    name: 'admits a late assignment that is right',
    handler: validatePod,
    call: { operation: 'UPDATE', annotations: { [ANNOTATION.assignment]: CLUSTER_TEXT } },
    want: { kind: 'allowed' },
  },
  {
    name: 'denies a late assignment that is not',
    handler: validatePod,
    call: { operation: 'UPDATE', annotations: { [ANNOTATION.assignment]: DEV_TEXT } },
    want: { kind: 'denied', code: 403 },
  },
  {
    name: 'admits anything of a pod on its way out',
    handler: validatePod,
    call: {
      operation: 'UPDATE',
      before: { [ANNOTATION.assignment]: CLUSTER_TEXT },
      deletionTimestamp: '2026-01-01T00:00:00Z',
    },
    want: { kind: 'allowed' },
  },
  {
    name: 'admits an update that leaves an old mistake as it is',
    handler: validatePod,
    call: { operation: 'UPDATE', before: { [ANNOTATION.mac]: 'x' }, annotations: { [ANNOTATION.mac]: 'x', a: 'b' } },
    want: { kind: 'allowed' },
  },
  { name: 'admits a deletion', handler: validatePod, call: { operation: 'DELETE' }, want: { kind: 'allowed' } },
  {
    name: 'leaves a namespace on its way out alone',
    handler: mutateNamespace,
    call: {
      resource: 'namespaces',
      operation: 'UPDATE',
      annotations: { [ANNOTATION.isolation]: 'x' },
      deletionTimestamp: '2026-01-01T00:00:00Z',
    },
    want: { kind: 'allowed' },
  },
  {
    name: 'names an old mistake of a namespace, and lets the update pass',
    handler: mutateNamespace,
    call: {
      resource: 'namespaces',
      operation: 'UPDATE',
      before: { [ANNOTATION.isolation]: 'x' },
      annotations: { [ANNOTATION.isolation]: 'x', a: 'b' },
    },
    want: { kind: 'allowed' },
  },
  {
    name: 'refuses a new mistake of a namespace',
    handler: validateNamespace,
    call: { resource: 'namespaces', annotations: { [ANNOTATION.isolation]: 'x' } },
    want: { kind: 'denied', code: 422 },
  },
  {
    name: 'takes reports away from a namespace that is restored, or forged',
    handler: mutateNamespace,
    call: { resource: 'namespaces', annotations: { [ANNOTATION.networkIds]: '{}', [ANNOTATION.status]: '{}' } },
    want: {
      kind: 'patched',
      operations: expect.arrayContaining([
        { op: 'remove', path: '/metadata/annotations/opencontrail.org~1network-ids' },
        { op: 'remove', path: '/metadata/annotations/opencontrail.org~1status' },
      ]),
    },
  },
  {
    name: 'denies a forged assignment of a namespace',
    handler: validateNamespace,
    call: { resource: 'namespaces', annotations: { [ANNOTATION.assignment]: '{}' } },
    want: { kind: 'denied', code: 403 },
  },
  {
    name: 'denies a label that is not the mode',
    handler: validateNamespace,
    call: { resource: 'namespaces', labels: { [MODE_LABEL]: 'namespace' } },
    want: { kind: 'denied', code: 403 },
  },
  {
    name: 'admits a namespace that nobody mutated',
    handler: validateNamespace,
    call: { resource: 'namespaces', annotations: ISOLATED },
    want: { kind: 'allowed' },
  },
];

test.each(rows)('$name', ({ handler, call, namespace, want }) => {
  const reviewed = request(call);
  const decision = handler(reviewed, view(namespace));
  const { annotations, ...verdict } = want;
  expect(decision).toMatchObject(verdict);
  if (annotations !== undefined) expect(after(reviewed.object, decision)['metadata']).toMatchObject({ annotations });
});

test('a pod of a namespace that nobody knows is our failure, not a denial', () => {
  expect(() => mutatePod(request({}), view({}, false))).toThrow('namespace dev is not known yet');
});

test('a namespace that changes its mode is told what becomes of its pods', () => {
  const before = after(
    request({ resource: 'namespaces' }).object,
    mutateNamespace(request({ resource: 'namespaces' }), view()),
  );
  const old = (before['metadata'] as { annotations: Texts }).annotations;
  const decision = mutateNamespace(
    request({ resource: 'namespaces', operation: 'UPDATE', before: old, annotations: { ...old, ...ISOLATED } }),
    view(),
  );
  expect(decision.warnings).toEqual([
    'the mode changes from cluster to namespace: running pods keep their network until they are re-created',
  ]);
});

test('a changed request of a running pod is admitted with a warning', () => {
  const decision = validatePod(
    request({ operation: 'UPDATE', annotations: { [ANNOTATION.networks]: 'storage' } }),
    view(),
  );
  expect(decision).toMatchObject({
    kind: 'allowed',
    warnings: ['annotation k8s.v1.cni.cncf.io/networks is read at creation only: re-create the pod to apply it'],
  });
});

test.each([
  ['at creation', mutatePod, 'CREATE'],
  ['of a running pod', validatePod, 'UPDATE'],
] as const)('a mistyped request %s is admitted with a warning', (_when, handler, operation) => {
  const decision = handler(request({ operation, annotations: { 'opencontrail.org/netwrok': 'blue' } }), view());
  expect(decision).toMatchObject({
    warnings: ['annotation opencontrail.org/netwrok is none that OpenContrail knows, and has no effect'],
  });
});

test('a request that running pods are served by changes without a word', () => {
  const annotations = { [ANNOTATION.mirror]: 'sensor-0', [ANNOTATION.services]: 'db', [ANNOTATION.sticky]: 'false' };
  expect(validatePod(request({ operation: 'UPDATE', annotations }), view())).toMatchObject({
    kind: 'allowed',
    warnings: [],
  });
});

/** The same call for the object that came of the first. */
function again(call: Call, object: Record<string, unknown>): AdmissionRequest {
  const { annotations: texts, labels } = object['metadata'] as { annotations?: Texts; labels?: Texts };
  return request({ ...call, annotations: texts ?? null, ...(labels === undefined ? {} : { labels }) });
}

describe('properties', () => {
  const keys = fc.constantFrom(
    ...REQUESTS.map(({ key }) => key),
    ANNOTATION.assignment,
    ANNOTATION.ports,
    ANNOTATION.networkStatus,
    'a/b~c',
    'other',
  );
  const values = fc.oneof(
    fc.constantFrom('true', 'false', 'app', CLUSTER_TEXT, DEV_TEXT, ...REQUESTS.map(({ example }) => example)),
    fc.string(),
  );
  /** Any text but the one that an assignment takes for an object's prototype. */
  const anyKey = fc.string().filter((key) => key !== '__proto__');
  const annotations = fc.option(fc.dictionary(keys, values, { noNullPrototype: true }), { nil: null });
  const namespaces = fc.dictionary(keys, values, { noNullPrototype: true });

  test.each([
    ['pods', mutatePod, validatePod],
    ['namespaces', mutateNamespace, validateNamespace],
  ] as const)(
    'mutating %s twice is mutating once, every patch applies, and what we wrote we admit',
    (resource, mutate, validate) => {
      fc.assert(
        fc.property(annotations, namespaces, (texts, namespace) => {
          const call: Call = { resource, annotations: texts };
          const first = mutate(request(call), view(namespace));
          if (first.kind === 'denied') return;
          const once = after(request(call).object, first);
          expect(mutate(again(call, once), view(namespace)).kind).toBe('allowed');
          expect(validate(again(call, once), view(namespace)).kind).toBe('allowed');
        }),
      );
    },
  );

  test('a dry run is answered the same', () => {
    fc.assert(
      fc.property(annotations, namespaces, (texts, namespace) => {
        const [wet, dry] = [false, true].map((dryRun) =>
          mutatePod(request({ annotations: texts, dryRun }), view(namespace)),
        );
        expect(dry).toEqual(wet);
      }),
    );
  });

  test('no foreign key is ever touched', () => {
    fc.assert(
      fc.property(fc.dictionary(anyKey, fc.string(), { noNullPrototype: true }), (foreign) => {
        const call: Call = { annotations: foreign };
        const patched = after(request(call).object, mutatePod(request(call), view()))['metadata'] as {
          annotations: Texts;
        };
        for (const [key, value] of Object.entries(foreign)) expect(patched.annotations[key]).toBe(value);
      }),
    );
  });

  test('a map patch yields what is wanted, whatever is there', () => {
    const wanted = fc.dictionary(anyKey, fc.option(fc.string(), { nil: undefined }), { noNullPrototype: true });
    fc.assert(
      fc.property(
        fc.option(fc.dictionary(anyKey, fc.string(), { noNullPrototype: true }), { nil: undefined }),
        wanted,
        (present, want) => {
          const object: Record<string, unknown> = {
            metadata: present === undefined ? {} : { annotations: { ...present } },
          };
          for (const operation of mapPatch('annotations', present, want)) applyOperation(object, operation);
          const result = (object['metadata'] as { annotations?: Texts }).annotations ?? {};
          for (const [key, value] of Object.entries(want))
            expect(Object.hasOwn(result, key) ? result[key] : undefined).toBe(value);
        },
      ),
    );
  });
});
