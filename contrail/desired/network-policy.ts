/** What a NetworkPolicy becomes: security groups, whose rules name peers by group or by block (design 11). Pure. */
import { uuidOf } from '../names.ts';
import {
  type ContrailObject,
  type FqName,
  fqNameText,
  type PolicyAddress,
  type PolicyRule,
  type Subnet,
} from '../objects.ts';
import { inProject, type Naming, ownerFor } from './owner.ts';
import { familyOf } from './pod.ts';

export interface NetworkPolicyInput {
  readonly namespace: string;
  readonly name: string;
  readonly groups: readonly GroupInput[];
}

/** A group; one without rules is there for its members. */
export interface GroupInput {
  readonly name: FqName;
  readonly rules: readonly AllowedTraffic[];
}

export interface AllowedTraffic {
  /** The `rule_uuid`, if the server is not to make one up. */
  readonly id?: string;
  readonly direction: 'ingress' | 'egress';
  readonly peer: GroupPeer;
  /** As Contrail writes it; `any` is every one. */
  readonly protocol: string;
  readonly ports: readonly [first: number, last: number];
}

export type GroupPeer =
  | { readonly kind: 'everybody' }
  | { readonly kind: 'group'; readonly group: FqName }
  | { readonly kind: 'block'; readonly subnet: Subnet };

/** Everything under the key `NetworkPolicy/<namespace>/<name>`. */
export function desiredNetworkPolicy(input: NetworkPolicyInput, naming: Naming): readonly ContrailObject[] {
  const { namespace, name } = input;
  const owner = ownerFor({ kind: 'NetworkPolicy', namespace, name }, naming);
  return input.groups.map(({ name: fqName, rules }) =>
    inProject({ type: 'security-group', uuid: uuidOf('security-group', fqName), fqName }, owner, {
      display_name: fqName.at(-1),
      security_group_entries: { policy_rule: distinct(rules.flatMap(rulesOf)) },
    }),
  );
}

/** Rules that allow everything in one direction, in both families. */
export function everythingIn(direction: AllowedTraffic['direction']): readonly PolicyRule[] {
  return rulesOf({ direction, peer: { kind: 'everybody' }, protocol: 'any', ports: [0, 65_535] });
}

const LOCAL: PolicyAddress = { security_group: 'local' };
const ALL_PORTS = [{ start_port: 0, end_port: 65_535 }];

function rulesOf({ id, direction, peer, protocol, ports: [first, last] }: AllowedTraffic): readonly PolicyRule[] {
  return addressesOf(peer).map(([ethertype, address]) => ({
    ...(id === undefined ? {} : { rule_uuid: id }),
    direction: '>',
    protocol,
    ethertype,
    src_addresses: [direction === 'ingress' ? address : LOCAL],
    src_ports: ALL_PORTS,
    dst_addresses: [direction === 'ingress' ? LOCAL : address],
    dst_ports: [{ start_port: first, end_port: last }],
  }));
}

type Ethertype = 'IPv4' | 'IPv6';

function addressesOf(peer: GroupPeer): readonly (readonly [Ethertype, PolicyAddress])[] {
  switch (peer.kind) {
    case 'everybody':
      return [
        ['IPv4', { subnet: { ip_prefix: '0.0.0.0', ip_prefix_len: 0 } }],
        ['IPv6', { subnet: { ip_prefix: '::', ip_prefix_len: 0 } }],
      ];
    case 'group':
      return [
        ['IPv4', { security_group: fqNameText(peer.group) }],
        ['IPv6', { security_group: fqNameText(peer.group) }],
      ];
    case 'block':
      return [[familyOf(peer.subnet.ip_prefix) === 'v4' ? 'IPv4' : 'IPv6', { subnet: peer.subnet }]];
  }
}

/** The server refuses a rule that stands there twice, whatever its UUID: the first one stands for all. */
function distinct(rules: readonly PolicyRule[]): readonly PolicyRule[] {
  const known = new Map<string, PolicyRule>();
  for (const rule of rules) {
    const { rule_uuid: _, ...meaning } = rule;
    const text = JSON.stringify(meaning);
    if (!known.has(text)) known.set(text, rule);
  }
  return [...known.values()];
}
