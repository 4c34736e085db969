/** Rules of security groups and network policies: protocol, addresses, duplicates, rule UUIDs (facts 10). */
import { randomUUID } from 'node:crypto';
import { demand, HttpError } from '../errors.ts';
import { parseAddress } from '../addresses/ip.ts';
import { dumps } from '../python.ts';
import type { TypeRules } from '../objects/draft.ts';

interface RuleAddress {
  readonly security_group?: string | null;
  readonly subnet?: { readonly ip_prefix: string; readonly ip_prefix_len: number } | null;
}

interface Rule {
  rule_uuid?: string | null;
  readonly protocol?: string | null;
  readonly ethertype?: string | null;
  readonly action_list?: object | null;
  readonly src_addresses?: readonly RuleAddress[] | null;
  readonly dst_addresses?: readonly RuleAddress[] | null;
  readonly [field: string]: unknown;
}

/** Names by number, as the server knows them. */
const PROTOCOLS = new Set(
  'any icmp tcp udp icmp6 ah dccp egp esp gre hopopt igmp ip ipip ipv6-encap ipv6-frag ipv6-icmp ipv6-nonxt ipv6-opts ipv6-route ospf pgm rsvp sctp udplite vrrp'.split(
    ' ',
  ),
);

/** Rules of `<field>.policy_rule` lists, checked by `check` as well. */
export function ruleListRules(field: string, check: (rule: Rule) => void): TypeRules {
  const apply = (properties: Record<string, unknown>): void => {
    const entries = properties[field] as { policy_rule?: Rule[] } | null | undefined;
    const rules = entries?.policy_rule;
    if (!entries || !rules) return;
    refuseDuplicates(rules);
    for (const rule of rules) {
      checkProtocol(rule);
      check(rule);
      checkEthertype(rule);
    }
    properties[field] = {
      ...entries,
      policy_rule: rules.map((rule) => ({ ...rule, rule_uuid: rule.rule_uuid ?? randomUUID() })),
    };
  };
  return {
    beforeCreate: (draft) => apply(draft.properties),
    beforeUpdate: (change) => apply(change.properties),
  };
}

/** A security group's rule must name its own group at one end at least. */
export function checkGroupRule(rule: Rule): void {
  const addresses = [...(rule.src_addresses ?? []), ...(rule.dst_addresses ?? [])];
  demand(
    addresses.some((address) => address.security_group === 'local'),
    400,
    "At least one of source or destination addresses must be 'local'",
  );
}

/** A network policy's rule says what to do, and knows no security groups. */
export function checkPolicyRule(rule: Rule): void {
  demand(Boolean(rule.action_list), 400, 'Action is required');
  const addresses = [...(rule.src_addresses ?? []), ...(rule.dst_addresses ?? [])];
  demand(
    addresses.every((address) => !address.security_group),
    400,
    'Config Error: policy rule refering to security group is not allowed',
  );
}

function checkProtocol(rule: Rule): void {
  const protocol = (rule.protocol ?? '').toLowerCase();
  const isNumber = /^\d+$/.test(protocol) && Number(protocol) <= 255;
  demand(isNumber || PROTOCOLS.has(protocol), 400, `Rule with invalid protocol : ${rule.protocol}`);
}

function checkEthertype(rule: Rule): void {
  if (!rule.ethertype) return;
  const family = rule.ethertype === 'IPv6' ? 6 : 4;
  for (const { subnet } of [...(rule.src_addresses ?? []), ...(rule.dst_addresses ?? [])]) {
    if (!subnet) continue;
    const fits = parseAddress(subnet.ip_prefix)?.family === family;
    demand(
      fits,
      400,
      `Rule subnet ${subnet.ip_prefix}/${subnet.ip_prefix_len} doesn't match ethertype ${rule.ethertype}`,
    );
  }
}

function refuseDuplicates(rules: readonly Rule[]): void {
  const seen = new Set<string>();
  for (const rule of rules) {
    const { rule_uuid: uuid, created: _created, last_modified: _modified, ...rest } = rule;
    const key = dumps(Object.fromEntries(Object.entries(rest).sort(([a], [b]) => (a < b ? -1 : 1))));
    if (seen.has(key)) throw new HttpError(409, `Rule already exists : ${uuid ?? 'None'}`);
    seen.add(key);
  }
}
