/** A NetworkPolicy: its peers and the numbers of named ports from Kubernetes, its groups from Contrail. */
import { desiredNetworkPolicy } from '../../contrail/desired/network-policy.ts';
import type { ContrailObject, Reference } from '../../contrail/objects.ts';
import { namedPorts, type SlimNetworkPolicy } from '../../kubernetes/network-policy.ts';
import type { Deps, Observation, Reconciler } from '../deps.ts';
import { type PolicySubject, policySubject } from '../desired/network-policy.ts';
import { isWantedPod } from '../desired/pod.ts';
import { type Key, namespaceKey, podKey } from '../keys.ts';
import { readNetworkPolicy } from '../lookup.ts';
import { isConcerned, placedIn, type PlacingView } from '../policy-membership.ts';
import { writePolicyStatus } from '../policy-status.ts';
import { tell } from '../tell.ts';

export const networkPolicyReconciler: Reconciler<PolicySubject> = {
  input: async ({ namespace, name }, deps) => {
    const policy = await readNetworkPolicy(namespace, name, deps);
    if (policy === undefined) return undefined;
    return policySubject(policy, asksForNames(policy) ? placedPods(policy, deps.view) : [], deps.settings.names);
  },
  observe,
  desired: desiredNetworkPolicy,
  finish: async (input, deps) => {
    const { namespace, name, uid } = input;
    const object = { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', namespace, name, uid };
    // What is wrong with one rule keeps neither its policy nor any other from being in force.
    for (const problem of input.problems) await tell(object, problem, deps);
    // Only now are there groups for its pods to be in: those that have looked already wait less.
    const policy = await readNetworkPolicy(namespace, name, deps);
    if (policy !== undefined)
      deps.enqueue(placedPods(policy, deps.view).map(({ pod }) => podKey(pod.namespace, pod.name)));
    return await writePolicyStatus(input, deps);
  },
};

/** Pods matter to the rules only as far as ports are named. */
function asksForNames({ ingress, egress }: SlimNetworkPolicy): boolean {
  return namedPorts([...(ingress ?? []), ...(egress ?? [])]).length > 0;
}

/** What places pods: who is near a policy, and the labels of their namespaces. */
export interface PlacedView extends PlacingView, Pick<Deps['view'], 'podsNear'> {}

/** The pods that a policy selects or means. */
export function placedPods(policy: SlimNetworkPolicy, view: PlacedView) {
  return view
    .podsNear(policy)
    .filter(isWantedPod)
    .map((pod) => placedIn(pod, view))
    .filter((placed) => isConcerned(placed, policy));
}

/**
 * Groups that the policy no longer has stay until no interface is in them: its pods' own runs take them out, and the next look
 * finds them empty. With the policy itself gone, its key waits for that.
 */
async function observe(key: Key, input: PolicySubject | undefined, deps: Deps): Promise<Observation> {
  const { contrail, names, settings } = deps;
  const project = await names.uuidOf('project', settings.names.project(key.namespace));
  if (project === undefined) {
    if (input === undefined) return { kind: 'observed', found: [] };
    return { kind: 'waiting', missing: `the project of ${key.namespace}`, keys: [namespaceKey(key.namespace)] };
  }
  const all = await contrail.list('security-group', { parentId: project });
  const own = all.filter(({ fq_name: fqName }) => fqName.at(-1)?.startsWith(`${key.name}__`));
  if (own.length === 0) return { kind: 'observed', found: [] };
  const fields = ['virtual_machine_interface_back_refs'];
  const uuids = own.map(({ uuid }) => uuid);
  const found = await contrail.list('security-group', { uuids, detail: true, fields });
  const wanted = new Set((input?.groups ?? []).map(({ name }) => name.join(':')));
  const held = found.filter((group) => !wanted.has(group.fq_name.join(':')) && isHeld(group));
  if (input === undefined && held.length > 0)
    return { kind: 'waiting', missing: 'its pods to leave its groups', keys: [] };
  return { kind: 'observed', found: found.filter((group) => !held.includes(group)) };
}

function isHeld(group: ContrailObject): boolean {
  // Asked for above; absent where there are none (config-api facts 2).
  return ((group['virtual_machine_interface_back_refs'] ?? []) as readonly Reference[]).length > 0;
}
