/** NetworkPolicy (`networking.k8s.io/v1`) as programs read it, with the API's defaults filled in. Pure. */
import { ANNOTATION } from './annotations.ts';
import type { KubeObject } from './client.ts';
import type { LabelSelector } from './selector.ts';

/** The collection's path. */
export const NETWORK_POLICIES = '/apis/networking.k8s.io/v1/networkpolicies';

/** A policy's path. */
export function networkPolicyPath(namespace: string, name: string): string {
  return `/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies/${name}`;
}

export type PolicyProtocol = 'TCP' | 'UDP' | 'SCTP';

export interface SlimNetworkPolicy {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly podSelector: LabelSelector;
  /** What is allowed in a direction; absent where the policy does not speak of it. */
  readonly ingress?: readonly PolicyRuleSpec[];
  readonly egress?: readonly PolicyRuleSpec[];
  /** What workers say is wrong with it, as it stands on the policy. */
  readonly status?: string;
}

export interface PolicyRuleSpec {
  /** Absent: everybody. */
  readonly peers?: readonly PolicyPeer[];
  /** Absent: every protocol and port. */
  readonly ports?: readonly PolicyPort[];
}

export type PolicyPeer = PolicyBlock | PodPeer;

export interface PolicyBlock {
  readonly kind: 'block';
  readonly cidr: string;
  readonly except: readonly string[];
}

export interface PodPeer {
  readonly kind: 'pods';
  /** Absent: the policy's own namespace. */
  readonly namespaces?: LabelSelector;
  readonly pods: LabelSelector;
}

export interface PolicyPort {
  readonly protocol: PolicyProtocol;
  /** A number, or the name of a container's port; absent: every port. */
  readonly port?: number | string;
  readonly endPort?: number;
}

/** The API server has validated the object against its own schema. */
export function slimNetworkPolicy(raw: KubeObject): SlimNetworkPolicy {
  const { metadata, spec = {} } = raw as RawPolicy;
  const status = metadata.annotations?.[ANNOTATION.status];
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    uid: metadata.uid,
    podSelector: spec.podSelector ?? {},
    ...directionsOf(spec),
    ...(status === undefined ? {} : { status }),
  };
}

/** The directions that a policy speaks of, with its rules. */
function directionsOf({
  policyTypes,
  ingress = [],
  egress = [],
}: NonNullable<RawPolicy['spec']>): Pick<SlimNetworkPolicy, 'ingress' | 'egress'> {
  const types = policyTypes ?? ['Ingress', ...(egress.length > 0 ? ['Egress'] : [])];
  return {
    ...(types.includes('Ingress') ? { ingress: ingress.map(({ from, ports }) => ruleOf(from, ports)) } : {}),
    ...(types.includes('Egress') ? { egress: egress.map(({ to, ports }) => ruleOf(to, ports)) } : {}),
  };
}

/** A policy that is not applied: it has the UID, and so the groups, of the one in whose place it would be. */
export function supposedNetworkPolicy(
  raw: KubeObject,
  present: { readonly uid: string } | undefined,
): SlimNetworkPolicy {
  return { ...slimNetworkPolicy(raw), uid: present?.uid ?? 'what-if' };
}

/** The named ports that rules speak of, each once. */
export function namedPorts(
  rules: readonly PolicyRuleSpec[] = [],
): readonly { readonly protocol: PolicyProtocol; readonly name: string }[] {
  const found = rules.flatMap(({ ports = [] }) =>
    ports.flatMap(({ protocol, port }) => (typeof port === 'string' ? [{ protocol, name: port }] : [])),
  );
  return [...new Map(found.map((each) => [`${each.protocol} ${each.name}`, each])).values()];
}

type RawPolicy = KubeObject & {
  readonly spec?: {
    readonly podSelector?: LabelSelector;
    readonly policyTypes?: readonly string[];
    readonly ingress?: readonly { readonly from?: readonly RawPeer[]; readonly ports?: readonly RawPort[] }[];
    readonly egress?: readonly { readonly to?: readonly RawPeer[]; readonly ports?: readonly RawPort[] }[];
  };
};
interface RawPeer {
  readonly podSelector?: LabelSelector;
  readonly namespaceSelector?: LabelSelector;
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] };
}
interface RawPort {
  readonly protocol?: PolicyProtocol;
  readonly port?: number | string;
  readonly endPort?: number;
}

/** An empty list stands for everything, as if it were absent. */
function ruleOf(peers: readonly RawPeer[] = [], ports: readonly RawPort[] = []): PolicyRuleSpec {
  return {
    ...(peers.length === 0 ? {} : { peers: peers.map(peerOf) }),
    ...(ports.length === 0 ? {} : { ports: ports.map(portOf) }),
  };
}

function peerOf({ ipBlock, podSelector, namespaceSelector }: RawPeer): PolicyPeer {
  if (ipBlock !== undefined) return { kind: 'block', cidr: ipBlock.cidr, except: ipBlock.except ?? [] };
  return {
    kind: 'pods',
    pods: podSelector ?? {},
    ...(namespaceSelector === undefined ? {} : { namespaces: namespaceSelector }),
  };
}

/** A number may be written as a text. */
function portOf({ protocol = 'TCP', port, endPort }: RawPort): PolicyPort {
  const number = typeof port === 'string' && /^\d+$/.test(port) ? Number(port) : port;
  return {
    protocol,
    ...(number === undefined ? {} : { port: number }),
    ...(endPort === undefined ? {} : { endPort }),
  };
}
