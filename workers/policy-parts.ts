/**
 * The groups that a NetworkPolicy is made of, and which of them a pod is in: the one that its rules hang on, one for each set of
 * numbers that its named ports have in selected pods, and one for each peer selector. Pure.
 *
 * A part's name is a digest of what it stands for, so that a policy that changes its mind never lends an old group's members to a
 * new meaning.
 */
import { createHash } from 'node:crypto';
import type { Names } from '../contrail/names.ts';
import type { FqName } from '../contrail/objects.ts';
import {
  namedPorts,
  type PodPeer,
  type PolicyProtocol,
  type PolicyRuleSpec,
  type SlimNetworkPolicy,
} from '../kubernetes/network-policy.ts';
import { ANNOTATION } from '../kubernetes/annotations.ts';
import { portsOfPod } from '../kubernetes/ports.ts';
import { withoutLength } from '../runtime/cidr.ts';
import type { SlimPod } from '../kubernetes/objects.ts';
import { isSelected, type Labels } from '../kubernetes/selector.ts';

/** A pod as selectors see it. */
export type SelectablePod = Pick<SlimPod, 'namespace' | 'labels' | 'namedPorts'> &
  Partial<Pick<SlimPod, 'annotations' | 'uid'>>;

/** What a policy's named ports are in a pod: `TCP http` to its number, where the pod has it. */
export type Resolution = Readonly<Record<string, number>>;

/** Every pod there is: whom a rule without peers means where its ports have names, which only pods have. */
export const EVERY_POD: PodPeer = { kind: 'pods', namespaces: {}, pods: {} };

/** Whether the policy's rules are for this pod. */
export function isSubject(pod: SelectablePod, { namespace, podSelector }: SlimNetworkPolicy): boolean {
  return pod.namespace === namespace && isSelected(pod.labels, podSelector);
}

/** Whether a peer of a policy in `home` means this pod. */
export function isPeer(
  { pod, namespaceLabels }: { readonly pod: SelectablePod; readonly namespaceLabels: Labels },
  peer: PodPeer,
  home: string,
): boolean {
  const isThere = peer.namespaces === undefined ? pod.namespace === home : isSelected(namespaceLabels, peer.namespaces);
  return isThere && isSelected(pod.labels, peer.pods);
}

/** The numbers of named ports in a pod. */
export function resolutionOf(pod: SelectablePod, rules: readonly PolicyRuleSpec[] | undefined): Resolution {
  const found = namedPorts(rules).flatMap(({ protocol, name }) => {
    const number = numberOf(pod, protocol, name);
    return number === undefined ? [] : [[`${protocol} ${name}`, number] as const];
  });
  return Object.fromEntries(found.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The number of a container's port, or `undefined`. */
export function numberOf({ namedPorts: ports = [] }: SelectablePod, protocol: PolicyProtocol, name: string) {
  return ports.find((port) => port.name === name && port.protocol === protocol)?.number;
}

/** The addresses that a pod has been given. */
export function addressesOf({ annotations = {}, uid = '' }: SelectablePod): readonly string[] {
  const interfaces = portsOfPod(annotations[ANNOTATION.ports], uid)?.interfaces ?? [];
  return interfaces.flatMap(({ ips }) => ips.map(withoutLength));
}

/** The named ports of pods whose addresses lie in blocks: rules of egress that speak of both. */
export function namesInBlocks({ egress = [] }: Pick<SlimNetworkPolicy, 'egress'>): ReturnType<typeof namedPorts> {
  return namedPorts(egress.filter(({ peers = [] }) => peers.some(({ kind }) => kind === 'block')));
}

/** The names of a policy's groups. */
export function partNames({ namespace, name, uid }: SlimNetworkPolicy, names: Names) {
  const group = (...part: readonly string[]): FqName => [...names.project(namespace), [name, uid, ...part].join('__')];
  return {
    subjects: group(),
    resolved: (resolution: Resolution): FqName => group('ports', digestOf(resolution)),
    peer: (peer: PodPeer): FqName => group('peer', digestOf(peer)),
    /** Those of a peer's pods whose port of that name has this number. */
    peerPort: (peer: PodPeer, port: { readonly protocol: string; readonly name: string; readonly number: number }) =>
      group('peer', digestOf(peer), digestOf(port)),
  };
}

/** The pods that rules of ingress mean. */
export function sourcePeers({ ingress = [] }: Pick<SlimNetworkPolicy, 'ingress'>): readonly PodPeer[] {
  return ingress.flatMap(podPeers);
}

/** The pods that rules of egress mean, with the named ports that they are asked for. */
export function targetPeers({ egress = [] }: Pick<SlimNetworkPolicy, 'egress'>): readonly PeerUse[] {
  return egress.flatMap((rule) => {
    const names = namedPorts([rule]);
    const everybody = rule.peers === undefined && names.length > 0 ? [EVERY_POD] : [];
    return [...podPeers(rule), ...everybody].map((peer) => ({ peer, names }));
  });
}

function podPeers({ peers = [] }: PolicyRuleSpec): readonly PodPeer[] {
  return peers.flatMap((peer) => (peer.kind === 'pods' ? [peer] : []));
}

interface PeerUse {
  readonly peer: PodPeer;
  readonly names: ReturnType<typeof namedPorts>;
}

function digestOf(value: unknown): string {
  return createHash('sha256').update(canonical(value)).digest('hex').slice(0, 16);
}

/** JSON with its keys in order. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
