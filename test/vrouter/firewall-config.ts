/** Contrail's firewall for tests, in few words: sets of policies, rules between ends, and groups of addresses. */
import type { FirewallEndpoint } from '../../contrail/firewall.ts';
import type { Subnet } from '../../contrail/objects.ts';
import { DIRECTION } from '../../contrail/tiers.ts';

export interface TestFirewallRule {
  /** `any`, tags (`tier=web app=shop`), a CIDR, `network <full name>` or `group <name>`; the first end of `<>`. */
  readonly from: string;
  readonly to: string;
  readonly action: 'pass' | 'deny';
  readonly direction?: '<>' | '>' | '<';
  readonly protocol?: string;
  readonly ports?: readonly [first: number, last: number];
  readonly alike?: readonly string[];
  /** The address that what it passes is copied to. */
  readonly mirror?: string;
  /** The only direction that it is judged in. */
  readonly only?: 'ingress' | 'egress';
}

export interface TestFirewall {
  /** Set to its policies, in order; a set's name is the application it is for, or `all`. */
  readonly sets: Readonly<Record<string, readonly string[]>>;
  readonly policies: Readonly<Record<string, readonly TestFirewallRule[]>>;
  readonly addressGroups?: Readonly<Record<string, readonly string[]>>;
}

type Put = (type: string, fqName: readonly string[], fields: Record<string, unknown>) => unknown;
type Ref = (type: string, to: readonly string[], attr?: unknown) => unknown;

const NO_FIREWALL: TestFirewall = { sets: {}, policies: {} };
const ROOT = 'default-policy-management';

/** Puts the objects of a firewall. */
export function putFirewall(
  put: Put,
  ref: Ref,
  { sets, policies, addressGroups = {} }: TestFirewall = NO_FIREWALL,
): void {
  for (const [name, cidrs] of Object.entries(addressGroups))
    put('address-group', [ROOT, name], { address_group_prefix: { subnet: cidrs.map(subnetOf) } });
  for (const [name, rules] of Object.entries(policies)) {
    rules.forEach((rule, index) => put('firewall-rule', [ROOT, `${name}-${index}`], fieldsOf(rule)));
    put('firewall-policy', [ROOT, name], {
      firewall_rule_refs: rules.map((_, index) => ref('firewall-rule', [ROOT, `${name}-${index}`], at(index))),
    });
  }
  for (const [name, list] of Object.entries(sets)) {
    put('application-policy-set', [ROOT, name], {
      parent_type: 'policy-management',
      all_applications: name === 'all',
      ...(name === 'all' ? {} : { tag_refs: [ref('tag', [`application=${name}`])] }),
      firewall_policy_refs: list.map((policy, index) => ref('firewall-policy', [ROOT, policy], at(index))),
    });
  }
}

function at(index: number) {
  return { sequence: `${String(index).padStart(5, '0')}.0` };
}

function fieldsOf({ from, to, action, direction = '>', protocol = 'any', ports, ...rest }: TestFirewallRule) {
  const { alike, mirror, only } = rest;
  const [first, last] = ports ?? [0, 65_535];
  return {
    action_list: {
      simple_action: action,
      ...(mirror === undefined ? {} : { mirror_to: { analyzer_ip_address: mirror, juniper_header: false } }),
    },
    ...(only === undefined ? {} : { annotations: { key_value_pair: [{ key: DIRECTION, value: only }] } }),
    direction,
    endpoint_1: endOf(from),
    endpoint_2: endOf(to),
    service: { protocol, src_ports: range(0, 65_535), dst_ports: range(first, last) },
    ...(alike === undefined ? {} : { match_tags: { tag_list: alike } }),
  };
}

function range(first: number, last: number) {
  return { start_port: first, end_port: last };
}

function endOf(text: string): FirewallEndpoint {
  const [first = '', second = ''] = text.split(' ');
  if (text === 'any') return { any: true };
  if (first === 'network') return { virtual_network: second };
  if (first === 'group') return { address_group: `${ROOT}:${second}` };
  return text.includes('=') ? { tags: text.split(' ') } : { subnet: subnetOf(text) };
}

function subnetOf(cidr: string): Subnet {
  const [prefix = '', length] = cidr.split('/');
  return { ip_prefix: prefix, ip_prefix_len: Number(length) };
}
