/** Which policies of Kubernetes a vRouter's verdict comes from, and which of their rules speak of the flow. Pure. */
import type { PolicyPeer, PolicyPort, PolicyRuleSpec, SlimNetworkPolicy } from '../../kubernetes/network-policy.ts';
import { isSelected, type Labels } from '../../kubernetes/selector.ts';
import { cidrList } from '../../runtime/cidr.ts';
import type { PodEnd } from '../reach/directory.ts';
import { isPartOf, restricting } from '../reach/policies.ts';
import type { PolicyReason, PolicyVerdict, Protocol } from './model.ts';

/** A flow as one end sees it. */
export interface Seen {
  readonly direction: 'ingress' | 'egress';
  readonly pod: PodEnd;
  readonly peer: { readonly address: string; readonly pod?: PodEnd; readonly namespaceLabels: Labels };
  readonly protocol: Protocol;
  readonly port: number;
}

/** An end's reason: what its vRouter says, with the policies and rules by their names. */
export function policyReason(verdict: PolicyVerdict, seen: Seen, policies: readonly SlimNetworkPolicy[]): PolicyReason {
  const { direction, pod } = seen;
  const end = { direction, pod: `${pod.namespace}/${pod.name}`, node: pod.node };
  if (verdict.kind !== 'judged') return { ...end, verdict: verdict.kind, by: [], isByRule: false };
  if (verdict.tier !== 'groups') {
    const by = verdict.by.map((rule) => rule.by);
    return { ...end, verdict: verdict.isAllowed ? 'allowed' : 'denied', by, isByRule: by.length > 0 };
  }
  if (!verdict.isAllowed)
    return { ...end, verdict: 'denied', by: restricting(verdict.groups, seen, policies), isByRule: false };
  const groups = [...new Set(verdict.by.map(({ by }) => by))];
  const by = groups.flatMap((group) => {
    const policy = policies.find((each) => isPartOf(group, each));
    return policy === undefined ? [`security group ${group}`] : rulesText(policy, seen);
  });
  return { ...end, verdict: 'allowed', by: [...new Set(by)], isByRule: false };
}

/** The policy alone, where its rules have changed since the vRouter was told. */
function rulesText(policy: SlimNetworkPolicy, seen: Seen): readonly string[] {
  const name = `NetworkPolicy ${policy.namespace}/${policy.name}`;
  const rules = policy[seen.direction] ?? [];
  const meant = rules.flatMap((rule, index) =>
    allows(rule, seen, policy.namespace) ? [`${name} spec.${seen.direction}[${index}]`] : [],
  );
  return meant.length === 0 ? [name] : meant;
}

function allows({ peers, ports }: PolicyRuleSpec, seen: Seen, home: string): boolean {
  const isMeant = peers === undefined || peers.some((peer) => means(peer, seen.peer, home));
  return isMeant && (ports === undefined || ports.some((port) => covers(port, seen)));
}

function means(peer: PolicyPeer, { address, pod, namespaceLabels }: Seen['peer'], home: string): boolean {
  if (peer.kind === 'block')
    return isInside(address, peer.cidr) && !peer.except.some((hole) => isInside(address, hole));
  if (pod === undefined) return false;
  const isThere = peer.namespaces === undefined ? pod.namespace === home : isSelected(namespaceLabels, peer.namespaces);
  return isThere && isSelected(pod.labels, peer.pods);
}

/** A named port is one of the pod that receives. */
function covers(
  { protocol, port, endPort }: PolicyPort,
  { direction, pod, peer, protocol: asked, port: number }: Seen,
) {
  if (protocol !== asked) return false;
  if (port === undefined) return true;
  if (typeof port === 'number') return number >= port && number <= (endPort ?? port);
  const receiver = direction === 'ingress' ? pod : peer.pod;
  return receiver?.namedPorts[`${protocol} ${port}`] === number;
}

function isInside(address: string, cidr: string): boolean {
  return cidrList([cidr])(address);
}
