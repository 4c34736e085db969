/** Contrail's firewall as it stands on the wire: sets of policies, their rules, and what rules speak of (facts 4.1). */
import type { ContrailObject, MirrorAction, PortRange, Reference, Subnet } from './objects.ts';

/** The place of a policy in a set, or of a rule in a policy: compared as text, `00001.0` before `00002.0`. */
export interface Sequence {
  readonly sequence?: string;
}

export interface ApplicationPolicySet extends ContrailObject {
  readonly type: 'application-policy-set';
  /** The set of all applications, of the system's or of a project's. */
  readonly all_applications?: boolean;
  readonly firewall_policy_refs?: readonly Reference<Sequence>[];
  readonly tag_refs?: readonly Reference[];
}

export interface FirewallPolicy extends ContrailObject {
  readonly type: 'firewall-policy';
  readonly firewall_rule_refs?: readonly Reference<Sequence>[];
}

/** One end of a rule: exactly one of its fields counts. */
export interface FirewallEndpoint {
  readonly tags?: readonly string[] | null;
  readonly address_group?: string | null;
  readonly virtual_network?: string | null;
  readonly subnet?: Subnet | null;
  readonly any?: boolean | null;
}

export interface FirewallService {
  readonly protocol?: string | null;
  readonly src_ports?: PortRange | null;
  readonly dst_ports?: PortRange | null;
}

export interface FirewallRule extends ContrailObject {
  readonly type: 'firewall-rule';
  readonly action_list?: {
    readonly simple_action?: 'pass' | 'deny';
    readonly mirror_to?: MirrorAction | null;
  };
  readonly endpoint_1?: FirewallEndpoint | null;
  readonly endpoint_2?: FirewallEndpoint | null;
  /** Types of tags of which both ends must have the same value. */
  readonly match_tags?: { readonly tag_list?: readonly string[] | null } | null;
  readonly service?: FirewallService | null;
  readonly service_group_refs?: readonly Reference[];
  readonly direction?: '<>' | '>' | '<';
}

export interface AddressGroup extends ContrailObject {
  readonly type: 'address-group';
  readonly address_group_prefix?: { readonly subnet?: readonly Subnet[] | null } | null;
  readonly tag_refs?: readonly Reference[];
}

export interface ServiceGroup extends ContrailObject {
  readonly type: 'service-group';
  readonly service_group_firewall_service_list?: { readonly firewall_service?: readonly FirewallService[] } | null;
}

/** The full name of a tag that a rule or an object of a scope writes: `global:` and scopes without a project mean everybody's. */
export function tagNameOf(text: string, scope: Pick<ContrailObject, 'fq_name' | 'parent_type'>): string {
  const name = text.replace(/^global:/, '').replace(/^[^=]+/, (type) => type.toLowerCase());
  const isGlobal = text.startsWith('global:') || scope.parent_type !== 'project';
  return isGlobal ? name : [...scope.fq_name.slice(0, -1), name].join(':');
}
