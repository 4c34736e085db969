/**
 * ClusterNetworkPolicy as its API documentation has it, on the objects as users write them, sharing nothing with the product. "Policies
 * with lower priority values are checked before … a rule that appears at the top takes the highest precedence … Accept, Deny: no further
 * rules; Pass: skips all further rules in the current tier."
 */
import { inCidr, matches, type Selector } from './matching.ts';
import type { Flow, Pod, World } from './reference.ts';

export interface ClusterPods {
  namespaces?: Selector;
  pods?: { namespaceSelector: Selector; podSelector: Selector };
}
export interface ClusterPeer extends ClusterPods {
  nodes?: Selector;
  networks?: string[];
}
interface PortMatch {
  destinationPort?: { number?: number; range?: { start: number; end: number } };
}
export interface ClusterRule {
  action: 'Accept' | 'Deny' | 'Pass';
  protocols?: { tcp?: PortMatch; udp?: PortMatch; sctp?: PortMatch; destinationNamedPort?: string }[];
}
export interface ClusterPolicy {
  metadata: { name: string; uid: string };
  spec: {
    tier: 'Admin' | 'Baseline';
    priority: number;
    subject: ClusterPods;
    ingress?: (ClusterRule & { from: ClusterPeer[] })[];
    egress?: (ClusterRule & { to: ClusterPeer[] })[];
  };
}

/** What a tier says of one end of a flow. */
export function decision(
  world: World,
  tier: 'Admin' | 'Baseline',
  direction: 'ingress' | 'egress',
  flow: Flow,
): 'Accept' | 'Deny' | 'undecided' {
  const [own, other] = direction === 'ingress' ? [flow.to, flow.from] : [flow.from, flow.to];
  const policies = (world.clusterPolicies ?? [])
    .filter(({ spec }) => spec.tier === tier && own.pod !== undefined && isPod(world, spec.subject, own.pod))
    .sort((a, b) => a.spec.priority - b.spec.priority || (a.metadata.name < b.metadata.name ? -1 : 1));
  for (const rule of policies.flatMap(({ spec }) => rulesOf(spec, direction))) {
    if (!rule.peers.some((peer) => isPeer(world, peer, other)) || !isAsked(rule, flow)) continue;
    return rule.action === 'Pass' ? 'undecided' : rule.action;
  }
  return 'undecided';
}

function rulesOf(
  { ingress = [], egress = [] }: ClusterPolicy['spec'],
  direction: 'ingress' | 'egress',
): (ClusterRule & { peers: ClusterPeer[] })[] {
  return direction === 'ingress'
    ? ingress.map((rule) => ({ ...rule, peers: rule.from }))
    : egress.map((rule) => ({ ...rule, peers: rule.to }));
}

function isPeer(world: World, peer: ClusterPeer, { ip, pod }: Flow['from']): boolean {
  if (peer.networks) return peer.networks.some((cidr) => inCidr(ip, cidr));
  if (peer.nodes) {
    const wanted = peer.nodes;
    return (world.nodes ?? []).some(({ labels, ips }) => ips.includes(ip) && matches(wanted, labels));
  }
  return pod !== undefined && isPod(world, peer, pod);
}

function isPod(world: World, { namespaces, pods }: ClusterPods, pod: Pod): boolean {
  const labels = world.namespaces[pod.namespace] ?? {};
  if (pods) return matches(pods.namespaceSelector, labels) && matches(pods.podSelector, pod.labels);
  return namespaces !== undefined && matches(namespaces, labels);
}

function isAsked({ protocols }: ClusterRule, { to, protocol, port }: Flow): boolean {
  if (!protocols) return true;
  return protocols.some(({ destinationNamedPort: name, ...transports }) => {
    if (name !== undefined)
      return (to.pod?.ports ?? []).some(
        (each) => each.name === name && each.protocol === protocol && each.containerPort === port,
      );
    const match = transports[protocol.toLowerCase() as 'tcp' | 'udp' | 'sctp'];
    if (match === undefined) return false;
    const { number, range } = match.destinationPort ?? {};
    if (range) return port >= range.start && port <= range.end;
    return number === undefined || number === port;
  });
}
