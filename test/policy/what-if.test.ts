/** What `--what-if` supposes is what would be: a policy that is supposed gives the verdicts of a world in which it is there. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { KubeObject } from '../../kubernetes/client.ts';
import { slimNetworkPolicy } from '../../kubernetes/network-policy.ts';
import { slimPod } from '../../kubernetes/objects.ts';
import { compile } from '../../vrouter/compile/compile.ts';
import { supposing } from '../../vrouter/explain/hypothesis.ts';
import { createGroups } from '../../workers/groups.ts';
import { whatIf } from '../../workers/what-if.ts';
import { settings } from '../workers/settings-for-tests.ts';
import { world as worlds } from './arbitrary.ts';
import { flowsOf, verdictsOf } from './flows.ts';
import { egressAllowed, ingressAllowed, type Policy, type World } from './reference.ts';
import { objectsOf, rawPod, vmiOf } from './translated.ts';

const RUNS = 50;

/** What the workers see of a world. */
function viewOf(world: World) {
  const pods = new Map(world.pods.map((pod) => [`${pod.namespace}/${pod.name}`, slimPod(rawPod(pod))]));
  const policies = world.policies.map((policy) => slimNetworkPolicy(policy as unknown as KubeObject));
  const groups = createGroups(settings.names);
  for (const policy of policies) groups.policies.take({ kind: 'put', object: policy });
  const byName = new Map(policies.map((policy) => [`${policy.namespace}/${policy.name}`, policy]));
  const namespaces = new Map(Object.entries(world.namespaces).map(([name, labels]) => [name, { labels }]));
  return {
    pods: { get: (key: string) => pods.get(key) },
    policies: { get: (key: string) => byName.get(key) },
    namespaces: { get: (key: string) => namespaces.get(key) },
    policiesFor: groups.policiesFor,
    podsNear: () => [...pods.values()],
  };
}

function stateSupposing(present: World, policies: readonly Policy[]) {
  const asked = { policies: policies.map(withoutUid), pods: [...present.pods] };
  const { objects: groups, pods } = whatIf(asked, viewOf(present), settings);
  const interfaces = present.pods.map((pod) => ({
    vmi: vmiOf(pod),
    groups: (pods.find(({ namespace, name }) => namespace === pod.namespace && name === pod.name)?.groups ?? []).map(
      (group) => [...group],
    ),
  }));
  const hypothesis = { groups: groups.map((group) => ({ ...group, fq_name: [...group.fq_name] })), interfaces };
  return compile({ objects: supposing(objectsOf(present), hypothesis) }, 'n1');
}

/** As in a file. */
function withoutUid({ metadata: { namespace, name }, spec }: Policy) {
  return { metadata: { namespace, name }, spec };
}

function agrees(world: World, state: ReturnType<typeof compile>): void {
  const verdict = verdictsOf(state);
  for (const flow of flowsOf(world)) {
    const said = [verdict('egress', flow), verdict('ingress', flow)];
    expect([said, flow]).toEqual([[egressAllowed(world, flow), ingressAllowed(world, flow)], flow]);
  }
}

test('the open groups are supposed too, which a node is not sent while none of its pods is in them', () => {
  const pods = [{ namespace: 'dev', name: 'a' }];
  const { objects } = whatIf(
    { policies: [], pods },
    viewOf({ namespaces: { dev: {} }, pods: [], policies: [] }),
    settings,
  );
  expect(objects.map(({ fq_name: name }) => name.at(-1))).toEqual([
    'k8s-dev-default-sg',
    'k8s-dev-default-ingress-sg',
    'k8s-dev-default-egress-sg',
  ]);
});

test(`a policy that is new, on ${RUNS} worlds`, () => {
  fc.assert(
    fc.property(worlds, (world) => {
      const [last] = world.policies.slice(-1);
      if (last !== undefined)
        agrees(world, stateSupposing({ ...world, policies: world.policies.slice(0, -1) }, [last]));
    }),
    { seed: 1, numRuns: RUNS },
  );
}, 120_000);

test(`a policy in the place of one of its name, on ${RUNS} worlds`, () => {
  fc.assert(
    fc.property(worlds, worlds, (world, { policies: [other] }) => {
      const [first, ...rest] = world.policies;
      if (first === undefined || other === undefined || first.metadata.namespace !== other.metadata.namespace) return;
      const changed: Policy = { ...first, spec: other.spec };
      agrees({ ...world, policies: [changed, ...rest] }, stateSupposing(world, [changed]));
    }),
    { seed: 2, numRuns: RUNS },
  );
}, 120_000);
