/** The security groups of a pod's interfaces: those of policies, and the open ones of directions that no policy speaks of. Pure. */
import { type Names, openGroup } from '../contrail/names.ts';
import type { FqName } from '../contrail/objects.ts';
import { namedPorts, type PodPeer, type SlimNetworkPolicy } from '../kubernetes/network-policy.ts';
import type { Labels } from '../kubernetes/selector.ts';
import { networkPolicyKey } from './keys.ts';
import {
  EVERY_POD,
  isPeer,
  isSubject,
  namesInBlocks,
  numberOf,
  partNames,
  resolutionOf,
  type SelectablePod,
  sourcePeers,
  targetPeers,
} from './policy-parts.ts';

/** A pod with its namespace's labels. */
export interface Placed {
  readonly pod: SelectablePod;
  readonly namespaceLabels: Labels;
}

/** What places pods: the labels of namespaces by their names. */
export interface PlacingView {
  readonly namespaces: { readonly get: (name: string) => { readonly labels: Labels } | undefined };
}

/** A pod with what a view knows of its namespace. */
export function placedIn<P extends SelectablePod>(pod: P, { namespaces }: PlacingView): Placed & { readonly pod: P } {
  return { pod, namespaceLabels: namespaces.get(pod.namespace)?.labels ?? {} };
}

/** A group in the colon form, and the key that makes it. */
export interface Membership {
  readonly group: string;
  readonly key: string;
}

/** The groups of policies that a pod is in. */
export function policyMemberships(
  placed: Placed,
  policies: readonly SlimNetworkPolicy[],
  names: Names,
): readonly Membership[] {
  const found = policies.flatMap((policy) => {
    const key = networkPolicyKey(policy.namespace, policy.name);
    const groups = [...subjectGroups(placed, policy, names), ...peerGroups(placed, policy, names)];
    return groups.map((group) => ({ group: group.join(':'), key }));
  });
  return [...new Map(found.map((each) => [each.group, each])).values()].sort((a, b) => (a.group < b.group ? -1 : 1));
}

/** Whether a policy selects a pod, or one of its peers means it. */
export function isConcerned(placed: Placed, policy: SlimNetworkPolicy): boolean {
  if (isSubject(placed.pod, policy) || isNamedInBlock(placed.pod, policy)) return true;
  return allPeers(policy).some((peer) => isPeer(placed, peer, policy.namespace));
}

/** Whether a policy's peers may mean pods of other namespaces. */
export function reachesOut(policy: SlimNetworkPolicy): boolean {
  return namesInBlocks(policy).length > 0 || allPeers(policy).some(({ namespaces }) => namespaces !== undefined);
}

/** Whether a policy's rules depend on where a pod is, since they name a port of it for a block. */
function isNamedInBlock(pod: SelectablePod, policy: SlimNetworkPolicy): boolean {
  return namesInBlocks(policy).some(({ protocol, name }) => numberOf(pod, protocol, name) !== undefined);
}

/** Keys of the policies whose rules depend on a pod's addresses. */
export function policyKeysPlacing(pod: SelectablePod, policies: readonly SlimNetworkPolicy[]): readonly string[] {
  return policies
    .filter((policy) => isNamedInBlock(pod, policy))
    .map(({ namespace, name }) => networkPolicyKey(namespace, name));
}

function allPeers(policy: SlimNetworkPolicy): readonly PodPeer[] {
  return [...sourcePeers(policy), ...targetPeers(policy).map(({ peer }) => peer)];
}

/** Keys of the policies whose rules depend on the numbers of a pod's named ports. */
export function policyKeysNaming(
  { namespace, namedPorts: ports = [] }: SelectablePod,
  policies: readonly SlimNetworkPolicy[],
): readonly string[] {
  if (ports.length === 0) return [];
  return policies
    .filter(({ namespace: home, ingress, egress }) =>
      namedPorts([...(home === namespace ? (ingress ?? []) : []), ...(egress ?? [])]).some(({ name }) =>
        ports.some((port) => port.name === name),
      ),
    )
    .map(({ namespace: home, name }) => networkPolicyKey(home, name));
}

/** The open groups of a pod: one for both directions, or of the direction that no policy speaks of. */
export function openGroups(
  { pod }: Pick<Placed, 'pod'>,
  policies: readonly SlimNetworkPolicy[],
  names: Names,
): readonly FqName[] {
  const own = policies.filter((policy) => isSubject(pod, policy));
  const [ingress, egress] = [own.some((each) => each.ingress), own.some((each) => each.egress)];
  if (ingress && egress) return [];
  if (ingress) return [openGroup(names, pod.namespace, 'egress')];
  return [egress ? openGroup(names, pod.namespace, 'ingress') : names.defaultSecurityGroup(pod.namespace)];
}

function subjectGroups({ pod }: Placed, policy: SlimNetworkPolicy, names: Names): readonly FqName[] {
  if (!isSubject(pod, policy)) return [];
  const parts = partNames(policy, names);
  const resolution = resolutionOf(pod, policy.ingress);
  return [parts.subjects, ...(Object.keys(resolution).length === 0 ? [] : [parts.resolved(resolution)])];
}

function peerGroups(placed: Placed, policy: SlimNetworkPolicy, names: Names): readonly FqName[] {
  const parts = partNames(policy, names);
  const means = (peer: PodPeer): boolean => isPeer(placed, peer, policy.namespace);
  return [
    ...sourcePeers(policy).filter(means).map(parts.peer),
    ...targetPeers(policy)
      .filter(({ peer }) => means(peer))
      .flatMap(({ peer, names: ports }) => [
        ...(peer === EVERY_POD ? [] : [parts.peer(peer)]),
        ...ports.flatMap(({ protocol, name }) => {
          const number = numberOf(placed.pod, protocol, name);
          return number === undefined ? [] : [parts.peerPort(peer, { protocol, name, number })];
        }),
      ]),
  ];
}
