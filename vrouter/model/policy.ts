/** What ports may receive and send. */
import type { InstanceId, Traffic } from './networks.ts';

export type Direction = 'ingress' | 'egress';

/** Whom a rule of a security group means: addresses of a block, or those of a group's members in one family. */
export type PeerTest =
  | { readonly kind: 'block'; readonly cidr: string }
  | { readonly kind: 'group'; readonly group: string; readonly family: '4' | '6' };

/** Traffic that a port may exchange with somebody, and the security group that says so, with its rule's `rule_uuid`. */
export interface Allowance {
  readonly peer: PeerTest;
  readonly traffic: Traffic;
  readonly by: string;
  readonly rule?: string;
}

/** A rule of an ordered list: the first that means a flow decides it. */
export interface OrderedRule {
  readonly peer: PeerTest;
  readonly traffic: Traffic;
  /** `skip` leaves what it means to whatever is asked next, past the rest of the list. */
  readonly action: 'pass' | 'deny' | 'skip';
  readonly by: string;
  readonly mirror?: RuleMirror;
}

/** Where copies of what a rule decides are sent. */
export interface RuleMirror {
  /** An address. */
  readonly analyzer: string;
  /** The rule is judged at this end alone, so both ways are copied here; else each packet is where it is sent. */
  readonly isOneSided: boolean;
}

/** What is judged beside security groups, in one direction of a port. */
export interface Tiers {
  /** ClusterNetworkPolicies before security groups: what they pass or deny, groups are not asked about. */
  readonly admin?: readonly OrderedRule[];
  /** Those after them: asked where groups do not restrict the direction. */
  readonly baseline?: readonly OrderedRule[];
  /** Contrail's firewall policies: a flow that no rule means is denied. Absent where no policy is for the port. */
  readonly applications?: readonly OrderedRule[];
}

/**
 * What a port may receive and send, in flows of others and of its own. A direction that is absent is not restricted by security
 * groups; tiers stand around these.
 */
export interface PortPolicy {
  readonly vmi: string;
  /** The names of its security groups, known here or not. */
  readonly groups: readonly string[];
  readonly ingress?: readonly Allowance[];
  readonly egress?: readonly Allowance[];
  readonly tiers?: { readonly [direction in Direction]?: Tiers };
}

/** An address in groups (security groups, or whoever has some tags) that rules of this node's ports name as peers, sorted. */
export interface GroupMember {
  readonly address: string;
  readonly network: InstanceId;
  readonly groups: readonly string[];
}
