/**
 * A network's access list: the rules of its policies in the order in which they are judged, as on a Contrail controller
 * (facts 1.1c). Policies stand by their sequence; where two have the same, one that denies comes first. What a rule says that
 * cannot be told apart here (a subnet, a chain) takes, but never gives: such a pass grants nothing, such a denial holds for all. Pure.
 */
import { fqNameText } from '../../contrail/objects.ts';
import type { NetworkPolicy, PolicyAddress, PolicyRule, Reference, VirtualNetwork } from '../../contrail/objects.ts';
import type { InstanceId, Network, Traffic } from '../model/networks.ts';
import type { ConfigIndex } from './index-config.ts';
import { referencesOf } from './index-config.ts';
import { trafficOf } from './rule-traffic.ts';

/** One direction of a rule. The ends are judged for the network whose list it is in. */
export interface AccessRule {
  readonly passes: boolean;
  readonly traffic: readonly Traffic[];
  readonly isFrom: EndTest;
  readonly isTo: EndTest;
}
type EndTest = (network: Network, self: Network) => boolean;

export interface AccessList {
  /** Whether every rule passes everything between networks that it names: then no other rule needs to be asked. */
  readonly isPlain: boolean;
  readonly rules: readonly AccessRule[];
}

const EMPTY: AccessList = { isPlain: true, rules: [] };

/** Whether a rule grants, in the view that a list is for: directly (`passes`), or by a chain (`isChained`). */
type Grants = (rule: PolicyRule) => boolean;

/** The access lists of networks, by their instance. */
export function compileAccessLists(
  config: ConfigIndex,
  networks: readonly Network[],
  grants: Grants,
): (network: InstanceId) => AccessList {
  const view = { attached: attachments(config, networks), grants };
  const byPolicy = new Map(config.all('network-policy').map((policy) => [policy.uuid, listOf(policy, view)]));
  const lists = new Map<InstanceId, AccessList>();
  for (const { id, uuid } of networks) {
    const network = config.get('virtual-network', uuid);
    const parts =
      network === undefined ? [] : policiesInOrder(config, network).map(({ uuid: of }) => byPolicy.get(of) ?? EMPTY);
    lists.set(id, { isPlain: parts.every(({ isPlain }) => isPlain), rules: parts.flatMap(({ rules }) => rules) });
  }
  return (network) => lists.get(network) ?? EMPTY;
}

/** Whether a rule lets something pass, and by no chain. */
export function passes(rule: PolicyRule): boolean {
  return isPass(rule) && servicesOf(rule).length === 0;
}

/** Whether a rule lets something pass by a chain. */
export function isChained(rule: PolicyRule): boolean {
  return isPass(rule) && servicesOf(rule).length > 0;
}

/** The services that a rule leads through, by their names in colon form, from its source to its destination. */
export function servicesOf({ action_list: actions }: PolicyRule): readonly string[] {
  return actions?.apply_service ?? [];
}

/** Whether a rule lets something pass, directly or by a chain. */
export function isPass({ action_list: actions }: PolicyRule): boolean {
  return (actions?.simple_action ?? 'pass') === 'pass';
}

export function rulesOf(policy: NetworkPolicy): readonly PolicyRule[] {
  return policy.network_policy_entries?.policy_rule ?? [];
}

type Attached = (network: InstanceId, policy: string) => boolean;

/** Whether a network has a policy, by its name. */
function attachments(config: ConfigIndex, networks: readonly Network[]): Attached {
  const ids = new Map(networks.map(({ uuid, id }) => [uuid, id]));
  const known = new Set(
    config
      .all('network-policy')
      .flatMap((policy) =>
        config
          .referrers(policy.uuid, 'virtual-network')
          .map(({ uuid }) => `${ids.get(uuid)} ${fqNameText(policy.fq_name)}`),
      ),
  );
  return (network, policy) => known.has(`${network} ${policy}`);
}

type Place = readonly [major: number, minor: number, denies: number, name: string];

function policiesInOrder(config: ConfigIndex, network: VirtualNetwork): readonly NetworkPolicy[] {
  const sequences = sequencesOf(network);
  const placed = config.targets(network, 'network-policy').map((policy) => {
    const name = fqNameText(policy.fq_name);
    const { major = 0, minor = 0 } = sequences.get(name) ?? {};
    const denies = rulesOf(policy).every(passes) ? 1 : 0;
    return { policy, place: [major, minor, denies, name] as Place };
  });
  return placed.sort((a, b) => compare(a.place, b.place)).map(({ policy }) => policy);
}

interface Sequence {
  readonly major?: number;
  readonly minor?: number;
}

function sequencesOf(network: VirtualNetwork): ReadonlyMap<string, Sequence> {
  // The link's attribute is a VirtualNetworkPolicyType by the schema.
  const references = referencesOf(network, 'network-policy') as readonly Reference<{ readonly sequence?: Sequence }>[];
  return new Map(references.map(({ to, attr }) => [fqNameText(to), attr?.sequence ?? {}]));
}

function compare(a: Place, b: Place): number {
  const at = a.findIndex((value, index) => value !== b[index]);
  if (at < 0) return 0;
  return (a[at] ?? 0) < (b[at] ?? 0) ? -1 : 1;
}

interface View {
  readonly attached: Attached;
  readonly grants: Grants;
}

function listOf(policy: NetworkPolicy, view: View): AccessList {
  const rules = rulesOf(policy);
  return {
    isPlain: rules.every((rule) => view.grants(rule) && isPlain(rule)),
    rules: rules.flatMap((rule) => directions(rule, view)),
  };
}

/** `<>` is two rules, the second with both ends and their ports exchanged. */
function directions(rule: PolicyRule, view: View): readonly AccessRule[] {
  const forth = accessRule(rule, view);
  if (rule.direction !== '<>') return [forth];
  const { src_addresses, src_ports, dst_addresses, dst_ports } = rule;
  const swapped = {
    src_addresses: dst_addresses,
    src_ports: dst_ports,
    dst_addresses: src_addresses,
    dst_ports: src_ports,
  };
  return [forth, accessRule({ ...rule, ...swapped }, view)];
}

function accessRule(rule: PolicyRule, { attached, grants }: View): AccessRule {
  const isGrant = grants(rule);
  return {
    passes: isGrant,
    traffic: trafficOf(rule, isGrant),
    isFrom: endTest(rule.src_addresses, isGrant, attached),
    isTo: endTest(rule.dst_addresses, isGrant, attached),
  };
}

function endTest(addresses: readonly PolicyAddress[], isGrant: boolean, attached: Attached): EndTest {
  const meant = isGrant ? addresses.filter((address) => !isPart(address)) : addresses;
  return (network, self) => meant.some((address) => stands(address, { network, self }, attached));
}

function stands(
  { virtual_network: name, network_policy: policy, ...rest }: PolicyAddress,
  { network, self }: { readonly network: Network; readonly self: Network },
  attached: Attached,
): boolean {
  if (name === 'local') return network.id === self.id;
  if (name) return name === 'any' || name === network.name;
  if (policy) return attached(network.id, policy);
  return isPart(rest);
}

/** A part of a network's addresses, which this pipeline does not tell from the rest. */
function isPart({ subnet, subnet_list: list }: PolicyAddress): boolean {
  return Boolean(subnet) || (list ?? []).length > 0;
}

function isPlain(rule: PolicyRule): boolean {
  const ports = [...(rule.src_ports ?? []), ...(rule.dst_ports ?? [])];
  const names = [...rule.src_addresses, ...rule.dst_addresses];
  return (
    rule.protocol === 'any' &&
    ports.every(({ start_port: start, end_port: end }) => start === -1 && end === -1) &&
    names.every(
      (address) => !isPart(address) && address.virtual_network !== 'local' && address.virtual_network !== 'any',
    )
  );
}
