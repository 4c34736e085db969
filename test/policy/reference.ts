/**
 * NetworkPolicy as its API documentation has it, on the objects as users write them: small, and sharing nothing with the product.
 * "By default a pod is not isolated … if any policy selects it … it is isolated for that direction; the effects of policies are
 * additive; both the egress policy on the source and the ingress policy on the destination must allow the connection."
 */
import { type ClusterPolicy, decision } from './cluster-reference.ts';
import { inCidr, matches, type Selector } from './matching.ts';

export interface Peer {
  podSelector?: Selector;
  namespaceSelector?: Selector;
  ipBlock?: { cidr: string; except?: string[] };
}
export interface Port {
  protocol?: 'TCP' | 'UDP' | 'SCTP' | undefined;
  port?: number | string;
  endPort?: number;
}
export interface Policy {
  metadata: { namespace: string; name: string; uid: string };
  spec: {
    podSelector: Selector;
    policyTypes?: ('Ingress' | 'Egress')[];
    ingress?: { from?: Peer[]; ports?: Port[] }[];
    egress?: { to?: Peer[]; ports?: Port[] }[];
  };
}
export interface Pod {
  namespace: string;
  name: string;
  labels: Record<string, string>;
  ips: string[];
  ports: { name: string; protocol: 'TCP' | 'UDP' | 'SCTP'; containerPort: number }[];
}
export interface World {
  namespaces: Record<string, Record<string, string>>;
  pods: Pod[];
  policies: Policy[];
  clusterPolicies?: ClusterPolicy[];
  nodes?: { labels: Record<string, string>; ips: string[] }[];
}
/** An end of a flow: a pod's address, or one that is no pod's. */
export interface End {
  ip: string;
  pod?: Pod;
}
export interface Flow {
  from: End;
  to: End;
  protocol: 'TCP' | 'UDP' | 'SCTP';
  port: number;
}

export function ingressAllowed(world: World, flow: Flow): boolean {
  const { pod } = flow.to;
  if (!pod) return true;
  const admin = decision(world, 'Admin', 'ingress', flow);
  if (admin !== 'undecided') return admin === 'Accept';
  const policies = world.policies.filter((policy) => applies(policy, 'Ingress', pod));
  if (policies.length === 0) return decision(world, 'Baseline', 'ingress', flow) !== 'Deny';
  return policies.some((policy) =>
    (policy.spec.ingress ?? []).some(
      (rule) => peersAllow(world, policy, rule.from, flow.from) && portsAllow(rule.ports, flow),
    ),
  );
}

export function egressAllowed(world: World, flow: Flow): boolean {
  const { pod } = flow.from;
  if (!pod) return true;
  const admin = decision(world, 'Admin', 'egress', flow);
  if (admin !== 'undecided') return admin === 'Accept';
  const policies = world.policies.filter((policy) => applies(policy, 'Egress', pod));
  if (policies.length === 0) return decision(world, 'Baseline', 'egress', flow) !== 'Deny';
  return policies.some((policy) =>
    (policy.spec.egress ?? []).some(
      (rule) => peersAllow(world, policy, rule.to, flow.to) && portsAllow(rule.ports, flow),
    ),
  );
}

function applies({ metadata, spec }: Policy, direction: 'Ingress' | 'Egress', pod: Pod): boolean {
  // "If policyTypes is unspecified it defaults based on the existence of ingress or egress rules; Ingress is always set."
  const types = spec.policyTypes ?? (spec.egress && spec.egress.length > 0 ? ['Ingress', 'Egress'] : ['Ingress']);
  return types.includes(direction) && metadata.namespace === pod.namespace && matches(spec.podSelector, pod.labels);
}

function peersAllow(world: World, policy: Policy, peers: Peer[] | undefined, end: End): boolean {
  if (!peers || peers.length === 0) return true;
  return peers.some((peer) => {
    if (peer.ipBlock) {
      const { cidr, except = [] } = peer.ipBlock;
      return inCidr(end.ip, cidr) && !except.some((hole) => inCidr(end.ip, hole));
    }
    if (!end.pod) return false;
    const there = peer.namespaceSelector
      ? matches(peer.namespaceSelector, world.namespaces[end.pod.namespace] ?? {})
      : end.pod.namespace === policy.metadata.namespace;
    return there && matches(peer.podSelector ?? {}, end.pod.labels);
  });
}

function portsAllow(ports: Port[] | undefined, { to, protocol, port: asked }: Flow): boolean {
  if (!ports || ports.length === 0) return true;
  return ports.some(({ protocol: wanted = 'TCP', port, endPort }) => {
    if (wanted !== protocol) return false;
    if (port === undefined) return true;
    if (typeof port === 'number') return asked >= port && asked <= (endPort ?? port);
    // The name is one of the pod that receives.
    const named = to.pod?.ports.find((each) => each.name === port && each.protocol === wanted);
    return named !== undefined && named.containerPort === asked;
  });
}
