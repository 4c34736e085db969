/**
 * Security groups as what each port may exchange with whom (design 11). Groups add to each other; a direction in which some group
 * allows everything is not restricted at all, and a port whose groups are not known yet may exchange nothing. Pure.
 */
import { annotationOf, fqNameText } from '../../contrail/objects.ts';
import type {
  PolicyAddress,
  PolicyRule,
  SecurityGroup,
  Subnet,
  VirtualMachineInterface,
} from '../../contrail/objects.ts';
import type { Allowance, Direction, PeerTest, PortPolicy } from '../model/policy.ts';
import type { ConfigIndex } from './index-config.ts';
import { referencesOf } from './index-config.ts';
import { trafficOf } from './rule-traffic.ts';
import { ALL_PORTS, isEverything } from './traffic.ts';

/** What the security groups of an interface allow; a direction that is absent is not restricted. */
export function groupAllowances(
  config: ConfigIndex,
  vmi: VirtualMachineInterface,
): Pick<PortPolicy, 'ingress' | 'egress'> {
  if (groupNames(vmi).length === 0) return {};
  const allowances = config.targets(vmi, 'security-group').flatMap(allowancesOf);
  const ingress = restricted(allowances, 'ingress');
  const egress = restricted(allowances, 'egress');
  return { ...(ingress === undefined ? {} : { ingress }), ...(egress === undefined ? {} : { egress }) };
}

/** Whether policies speak of a direction, be it to open it whole. The group that is open where none does is the namespace's. */
export function isSpokenOf(config: ConfigIndex, vmi: VirtualMachineInterface, direction: Direction): boolean {
  const speaking = config
    .targets(vmi, 'security-group')
    .filter((group) => allowancesOf(group).some((allowance) => allowance.direction === direction));
  return speaking.some((group) => annotationOf(group, 'kind') !== 'Namespace');
}

/** By name: a node is not sent the groups of others, but their rules name them. */
export function groupNames(vmi: VirtualMachineInterface): readonly string[] {
  return referencesOf(vmi, 'security-group').map(({ to }) => fqNameText(to));
}

/** What is allowed in a direction; `undefined` where that is everything from and to everybody. */
function restricted(
  allowances: readonly (Allowance & { readonly direction: Direction })[],
  wanted: Direction,
): readonly Allowance[] | undefined {
  const found = allowances
    .filter(({ direction }) => direction === wanted)
    .map(({ direction: _direction, ...allowance }) => allowance);
  const isOpen = (cidr: string): boolean =>
    found.some(({ peer, traffic }) => peer.kind === 'block' && peer.cidr === cidr && isEverything([traffic]));
  return isOpen('0.0.0.0/0') && isOpen('::/0') ? undefined : found;
}

function allowancesOf(group: SecurityGroup): readonly (Allowance & { readonly direction: Direction })[] {
  const by = fqNameText(group.fq_name);
  return (group.security_group_entries?.policy_rule ?? []).flatMap((rule) =>
    directionsOf(rule).flatMap(({ direction, peers }) =>
      peers
        .flatMap((address) => peersOf(address, rule, by))
        .flatMap((peer) => trafficFor(rule).map((traffic) => ({ direction, peer, traffic, by, ...ruleId(rule) }))),
    ),
  );
}

function ruleId({ rule_uuid: rule }: PolicyRule): Pick<Allowance, 'rule'> {
  return rule === undefined ? {} : { rule };
}

/** Source ports cannot be told apart here: such a rule allows nothing. */
function trafficFor(rule: PolicyRule): Allowance['traffic'][] {
  return trafficOf(rule, true).filter(
    ({ sourcePorts: [first, last] }) => first <= ALL_PORTS[0] && last >= ALL_PORTS[1],
  );
}

/** `local` is the port's own end: as the destination it makes a rule one of ingress, as the source one of egress. */
function directionsOf(
  rule: PolicyRule,
): readonly { readonly direction: Direction; readonly peers: readonly PolicyAddress[] }[] {
  const { src_addresses: sources, dst_addresses: targets } = rule;
  return [
    ...(targets.some(isLocal) ? [{ direction: 'ingress' as const, peers: sources }] : []),
    ...(sources.some(isLocal) ? [{ direction: 'egress' as const, peers: targets }] : []),
  ];
}

function isLocal({ security_group: group }: PolicyAddress): boolean {
  return group === 'local';
}

const EVERYBODY = { IPv4: '0.0.0.0/0', IPv6: '::/0' } as const;

function peersOf(address: PolicyAddress, { ethertype }: PolicyRule, by: string): readonly PeerTest[] {
  const { security_group: group, virtual_network: network, subnet, subnet_list: list = [] } = address;
  const families = ethertype === undefined ? (['IPv4', 'IPv6'] as const) : [ethertype];
  if (group === 'any' || network === 'any')
    return families.map((family) => ({ kind: 'block', cidr: EVERYBODY[family] }));
  // Both ends local: members of the group among themselves.
  if (group) {
    const name = group === 'local' ? by : group;
    return families.map((family) => ({ kind: 'group', group: name, family: family === 'IPv4' ? '4' : '6' }));
  }
  return [...(subnet ? [subnet] : []), ...list].map((each) => ({ kind: 'block', cidr: cidrText(each) }));
}

function cidrText({ ip_prefix: prefix, ip_prefix_len: length }: Subnet): string {
  return `${prefix}/${length}`;
}
