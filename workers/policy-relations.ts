/** Which pods and policies concern each other, by what the caches hold. */
import type { SlimNetworkPolicy } from '../kubernetes/network-policy.ts';
import type { SlimPod } from '../kubernetes/objects.ts';
import { clusterPolicyKeysNaming, concernsPlaced } from './cluster-policy-parts.ts';
import type { Groups } from './groups.ts';
import { clusterPolicyKey, podKey } from './keys.ts';
import { isConcerned, placedIn, policyKeysNaming, policyKeysPlacing, reachesOut } from './policy-membership.ts';
import type { Caches } from './reflectors.ts';
import type { RelatedView } from './related.ts';

/** The part of the view that policies ask; `view` is asked when they do. */
export function policyRelations(
  groups: Groups,
  view: () => Caches,
): Pick<
  RelatedView,
  | 'policyKeysNaming'
  | 'policyKeysPlacing'
  | 'policyKeysNamingIn'
  | 'podsOfPolicy'
  | 'podsOfClusterPolicy'
  | 'clusterPoliciesOfNodes'
> {
  const keysNaming = (pod: SlimPod): readonly string[] => [
    ...policyKeysNaming(pod, groups.policiesFor(pod.namespace)),
    ...clusterPolicyKeysNaming(pod, view().clusterPolicies.list()),
  ];
  return {
    policyKeysNaming: keysNaming,
    policyKeysPlacing: (pod) => policyKeysPlacing(pod, groups.policiesFor(pod.namespace)),
    policyKeysNamingIn: (namespace) => groups.podsByNamespace.get(namespace).flatMap(keysNaming),
    podsOfPolicy: (policy) =>
      podsNear(
        groups,
        view(),
      )(policy)
        .filter((pod) => isConcerned(placedIn(pod, view()), policy))
        .map(keyOf),
    podsOfClusterPolicy: (policy) =>
      view()
        .pods.list()
        .filter((pod) => concernsPlaced(placedIn(pod, view()), policy))
        .map(keyOf),
    clusterPoliciesOfNodes: () =>
      view()
        .clusterPolicies.list()
        .filter(({ egress }) => egress.some(({ peers }) => peers.some(({ kind }) => kind === 'nodes')))
        .map(({ name }) => clusterPolicyKey(name)),
  };
}

/** The pods that a policy can concern. */
export function podsNear(groups: Groups, { pods }: Caches): (policy: SlimNetworkPolicy) => readonly SlimPod[] {
  return (policy) => (reachesOut(policy) ? pods.list() : groups.podsByNamespace.get(policy.namespace));
}

function keyOf({ namespace, name }: SlimPod): string {
  return podKey(namespace, name);
}
