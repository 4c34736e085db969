/** ClusterNetworkPolicy (`policy.networking.k8s.io/v1alpha2`) as programs read it. Pure. */
import { ANNOTATION } from './annotations.ts';
import type { KubeObject } from './client.ts';
import type { LabelSelector } from './selector.ts';

/** Its group and version. */
export const CLUSTER_POLICY_API = 'policy.networking.k8s.io/v1alpha2';
/** The collection's path. */
export const CLUSTER_NETWORK_POLICIES = `/apis/${CLUSTER_POLICY_API}/clusternetworkpolicies`;

export interface SlimClusterPolicy {
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  readonly tier: 'Admin' | 'Baseline';
  readonly priority: number;
  readonly subject: ClusterPods;
  readonly ingress: readonly ClusterRule[];
  readonly egress: readonly ClusterRule[];
  /** Whom what it accepts is copied to, as it is written. */
  readonly mirror?: string;
  /** The status as it stands. */
  readonly status: unknown;
}

/** Pods of namespaces, by the labels of both. */
export interface ClusterPods {
  readonly namespaces: LabelSelector;
  readonly pods: LabelSelector;
}

export type ClusterAction = 'Accept' | 'Deny' | 'Pass';

export interface ClusterRule {
  readonly name?: string;
  readonly action: ClusterAction;
  readonly peers: readonly ClusterPeer[];
  /** Absent: every protocol. */
  readonly protocols?: readonly ClusterProtocol[];
}

/** `unknown` is what this product does not know, such as names of domains. */
export type ClusterPeer =
  | ({ readonly kind: 'pods' } & ClusterPods)
  | { readonly kind: 'nodes'; readonly nodes: LabelSelector }
  | { readonly kind: 'networks'; readonly cidrs: readonly string[] }
  | { readonly kind: 'unknown'; readonly field: string };

export type ClusterProtocol =
  | { readonly kind: 'ports'; readonly protocol: 'tcp' | 'udp' | 'sctp'; readonly ports: readonly [number, number] }
  | { readonly kind: 'named'; readonly name: string }
  | { readonly kind: 'unknown'; readonly field: string };

/** The API server has validated the object against the resource's schema, perhaps a later one. */
export function slimClusterPolicy(raw: KubeObject): SlimClusterPolicy {
  const { metadata, spec, status } = raw as RawClusterPolicy;
  const mirror = metadata.annotations?.[ANNOTATION.mirrorAccepted];
  return {
    name: metadata.name,
    uid: metadata.uid,
    generation: metadata.generation ?? 0,
    tier: spec.tier,
    priority: spec.priority,
    subject: podsOf(spec.subject) ?? NOBODY,
    ingress: (spec.ingress ?? []).map(({ from, ...rule }) => ruleOf(rule, from)),
    egress: (spec.egress ?? []).map(({ to, ...rule }) => ruleOf(rule, to)),
    ...(mirror === undefined ? {} : { mirror }),
    status,
  };
}

type RawClusterPolicy = KubeObject & {
  readonly metadata: { readonly generation?: number };
  readonly spec: {
    readonly tier: 'Admin' | 'Baseline';
    readonly priority: number;
    readonly subject: RawPeer;
    readonly ingress?: readonly (RawRule & { readonly from?: readonly RawPeer[] })[];
    readonly egress?: readonly (RawRule & { readonly to?: readonly RawPeer[] })[];
  };
  readonly status?: unknown;
};
interface RawPeer {
  readonly namespaces?: LabelSelector;
  readonly pods?: { readonly namespaceSelector?: LabelSelector; readonly podSelector?: LabelSelector };
  readonly nodes?: LabelSelector;
  readonly networks?: readonly string[];
}
interface RawRule {
  readonly name?: string;
  readonly action: ClusterAction;
  readonly protocols?: readonly Readonly<Record<string, unknown>>[];
}
interface RawPort {
  readonly number?: number;
  readonly range?: { readonly start: number; readonly end: number };
}

/** An operator that the API does not know is met by none. */
const NOBODY: ClusterPods = { namespaces: { matchExpressions: [{ key: '', operator: 'None' }] }, pods: {} };
const TRANSPORTS = ['tcp', 'udp', 'sctp'] as const;

function ruleOf({ name, action, protocols }: RawRule, peers: readonly RawPeer[] = []): ClusterRule {
  return {
    ...(name ? { name } : {}),
    action,
    peers: peers.map(peerOf),
    ...(protocols === undefined || protocols.length === 0 ? {} : { protocols: protocols.map(protocolOf) }),
  };
}

function peerOf(raw: RawPeer): ClusterPeer {
  const pods = podsOf(raw);
  if (pods !== undefined) return { kind: 'pods', ...pods };
  if (raw.nodes !== undefined) return { kind: 'nodes', nodes: raw.nodes };
  if (raw.networks !== undefined) return { kind: 'networks', cidrs: raw.networks };
  return { kind: 'unknown', field: Object.keys(raw)[0] ?? 'nothing' };
}

function podsOf({ namespaces, pods }: RawPeer): ClusterPods | undefined {
  if (namespaces !== undefined) return { namespaces, pods: {} };
  return pods && { namespaces: pods.namespaceSelector ?? {}, pods: pods.podSelector ?? {} };
}

function protocolOf(raw: Readonly<Record<string, unknown>>): ClusterProtocol {
  const named = raw['destinationNamedPort'];
  if (typeof named === 'string' && named !== '') return { kind: 'named', name: named };
  const protocol = TRANSPORTS.find((each) => raw[each] !== undefined);
  if (protocol === undefined) return { kind: 'unknown', field: Object.keys(raw)[0] ?? 'nothing' };
  // By the schema an object with a port, or null where an empty one was written.
  const { destinationPort: port } = (raw[protocol] ?? {}) as { readonly destinationPort?: RawPort };
  return { kind: 'ports', protocol, ports: spanOf(port) };
}

function spanOf({ number, range }: RawPort = {}): readonly [number, number] {
  if (range !== undefined) return [range.start, range.end];
  return number === undefined ? [0, 65_535] : [number, number];
}
