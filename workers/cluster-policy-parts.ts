/** The tags that a ClusterNetworkPolicy is made of, and which of them a pod carries. Pure. */
import { createHash } from 'node:crypto';
import { labelTag } from '../contrail/desired/cluster-network-policy.ts';
import type { ClusterPods, ClusterRule, SlimClusterPolicy } from '../kubernetes/cluster-network-policy.ts';
import { isSelected } from '../kubernetes/selector.ts';
import { clusterPolicyKey } from './keys.ts';
import type { Placed } from './policy-membership.ts';
import { canonical } from './policy-parts.ts';

/** Pods, and of these the ones whose port of some name is this. */
export interface TaggedPods {
  readonly pods: ClusterPods;
  readonly port?: NamedPort;
}

export interface NamedPort {
  readonly name: string;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly number: number;
}

/** A tag by its full name, and the key that makes it. */
export interface CarriedTag {
  readonly tag: string;
  readonly key: string;
}

/** The value of the tag of some pods: a digest of what it stands for, so that it never means somebody else later on. */
export function tagValue({ name, uid }: SlimClusterPolicy, tagged: TaggedPods): string {
  const digest = createHash('sha256').update(canonical(tagged)).digest('hex').slice(0, 16);
  return `cnp__${name}__${uid}__${digest}`;
}

/** Whether pods are meant. */
export function isAmong({ pod, namespaceLabels }: Placed, { namespaces, pods }: ClusterPods): boolean {
  return isSelected(namespaceLabels, namespaces) && isSelected(pod.labels, pods);
}

/** All pods that a policy's rules are for, or speak of. */
function podsSpokenOf({ subject, ingress, egress }: SlimClusterPolicy): readonly ClusterPods[] {
  return [subject, ...[...ingress, ...egress].flatMap(podPeers)];
}

/** The pods that a rule speaks of. */
export function podPeers({ peers }: ClusterRule): readonly ClusterPods[] {
  return peers.flatMap((peer) => (peer.kind === 'pods' ? [{ namespaces: peer.namespaces, pods: peer.pods }] : []));
}

/** The names of ports that a rule speaks of. */
export function portNames({ protocols = [] }: ClusterRule): readonly string[] {
  return protocols.flatMap((protocol) => (protocol.kind === 'named' ? [protocol.name] : []));
}

/** Whether a policy's rules are for a pod, or speak of it. */
export function concernsPlaced(placed: Placed, policy: SlimClusterPolicy): boolean {
  return podsSpokenOf(policy).some((pods) => isAmong(placed, pods));
}

/** Keys of the policies whose rules depend on the numbers of a pod's named ports. */
export function clusterPolicyKeysNaming(
  { namedPorts = [] }: Placed['pod'],
  policies: readonly SlimClusterPolicy[],
): readonly string[] {
  const names = new Set(namedPorts.map(({ name }) => name));
  return policies
    .filter(({ ingress, egress }) => [...ingress, ...egress].flatMap(portNames).some((name) => names.has(name)))
    .map(({ name }) => clusterPolicyKey(name));
}

/** What of a pod a rule's port names stand for. */
export function portsNamed({ pod }: Placed, names: readonly string[]): readonly NamedPort[] {
  return (pod.namedPorts ?? [])
    .filter(({ name }) => names.includes(name))
    .flatMap(({ name, protocol, number }) => {
      const transport = TRANSPORTS[protocol];
      return transport === undefined ? [] : [{ name, protocol: transport, number }];
    });
}

const TRANSPORTS: Readonly<Record<string, NamedPort['protocol']>> = { TCP: 'tcp', UDP: 'udp', SCTP: 'sctp' };

/** The tags that policies give a pod. */
export function clusterPolicyTags(placed: Placed, policies: readonly SlimClusterPolicy[]): readonly CarriedTag[] {
  const found = policies.flatMap((policy) =>
    taggedFor(placed, policy)
      .filter(({ pods }) => isAmong(placed, pods))
      .map((tagged) => ({
        tag: labelTag(tagValue(policy, tagged)).join(':'),
        key: clusterPolicyKey(policy.name),
      })),
  );
  return [...new Map(found.map((each) => [each.tag, each])).values()].sort((a, b) => (a.tag < b.tag ? -1 : 1));
}

/** Of ingress the receiving pod is the policy's subject, of egress it is the peer. */
function taggedFor(placed: Placed, policy: SlimClusterPolicy): readonly TaggedPods[] {
  const { subject, ingress, egress } = policy;
  const withPort = (pods: ClusterPods, rule: ClusterRule): readonly TaggedPods[] =>
    portsNamed(placed, portNames(rule)).map((port) => ({ pods, port }));
  return [
    ...podsSpokenOf(policy).map((pods) => ({ pods })),
    ...ingress.flatMap((rule) => withPort(subject, rule)),
    ...egress.flatMap((rule) => podPeers(rule).flatMap((pods) => withPort(pods, rule))),
  ];
}
