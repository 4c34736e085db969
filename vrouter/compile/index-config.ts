/** Config objects by type, by name and by who refers to them: what the compiler reads instead of scanning. Pure. */
import type {
  AddressGroup,
  ApplicationPolicySet,
  FirewallPolicy,
  FirewallRule,
  ServiceGroup,
} from '../../contrail/firewall.ts';
import { fqNameText } from '../../contrail/objects.ts';
import type {
  ContrailObject,
  FloatingIp,
  InstanceIp,
  Loadbalancer,
  LoadbalancerHealthmonitor,
  LoadbalancerListener,
  LoadbalancerMember,
  LoadbalancerPool,
  LogicalRouter,
  NetworkIpam,
  NetworkPolicy,
  PortTuple,
  Reference,
  SecurityGroup,
  ServiceHealthCheck,
  ServiceInstance,
  ServiceTemplate,
  VirtualMachine,
  VirtualMachineInterface,
  VirtualNetwork,
  VirtualRouter,
} from '../../contrail/objects.ts';

/** The types that forwarding is made of. */
interface ConfigTypes {
  'address-group': AddressGroup;
  'application-policy-set': ApplicationPolicySet;
  'firewall-policy': FirewallPolicy;
  'firewall-rule': FirewallRule;
  'floating-ip': FloatingIp;
  'instance-ip': InstanceIp;
  loadbalancer: Loadbalancer;
  'loadbalancer-healthmonitor': LoadbalancerHealthmonitor;
  'loadbalancer-listener': LoadbalancerListener;
  'loadbalancer-member': LoadbalancerMember;
  'loadbalancer-pool': LoadbalancerPool;
  'logical-router': LogicalRouter;
  'network-ipam': NetworkIpam;
  'network-policy': NetworkPolicy;
  'port-tuple': PortTuple;
  project: ContrailObject;
  'security-group': SecurityGroup;
  'service-group': ServiceGroup;
  'service-health-check': ServiceHealthCheck;
  'service-instance': ServiceInstance;
  'service-template': ServiceTemplate;
  tag: ContrailObject;
  'virtual-machine': VirtualMachine;
  'virtual-machine-interface': VirtualMachineInterface;
  'virtual-network': VirtualNetwork;
  'virtual-router': VirtualRouter;
}
type ConfigType = keyof ConfigTypes;

export interface ConfigIndex {
  /** All objects of a type, in the order of their UUIDs. */
  readonly all: <K extends ConfigType>(type: K) => readonly ConfigTypes[K][];
  readonly get: <K extends ConfigType>(type: K, uuid: string) => ConfigTypes[K] | undefined;
  /** The objects of `type` that `object` refers to. */
  readonly targets: <K extends ConfigType>(object: ContrailObject, type: K) => readonly ConfigTypes[K][];
  /** What a single reference to an object of `type` leads to. */
  readonly follow: <K extends ConfigType>(reference: Reference, type: K) => readonly ConfigTypes[K][];
  /** The UUIDs that `object` refers to, also of objects that were not sent. */
  readonly uuids: (object: ContrailObject, type: ConfigType) => readonly string[];
  /** The objects of `type` that refer to `uuid`. */
  readonly referrers: <K extends ConfigType>(uuid: string, type: K) => readonly ConfigTypes[K][];
  /** The members of a pool. */
  readonly members: (pool: string) => readonly LoadbalancerMember[];
}

/** Indexes a set of config objects; references resolve by UUID, or by name where they carry none. */
export function indexConfig(objects: ReadonlyMap<string, ContrailObject>): ConfigIndex {
  const byType = new Map<string, ContrailObject[]>();
  for (const object of objects.values()) append(byType, object.type, object);
  for (const list of byType.values()) list.sort((a, b) => (a.uuid < b.uuid ? -1 : 1));
  const named = nameIndex(byType);
  const uuidOf = (type: string, reference: Reference): string | undefined =>
    reference.uuid ?? named(type, reference.to)?.uuid;
  const referrers = referrersOf(byType, uuidOf);
  const members = membersOf(byType, named);
  const uuids: ConfigIndex['uuids'] = (object, type) =>
    referencesOf(object, type).flatMap((reference) => uuidOf(type, reference) ?? []);
  return {
    all: (type) => typed(type, byType.get(type) ?? []),
    get: (type, uuid) => {
      const found = objects.get(uuid);
      return typed(type, found?.type === type ? [found] : [])[0];
    },
    targets: (object, type) =>
      typed(
        type,
        uuids(object, type).flatMap((uuid) => objects.get(uuid) ?? []),
      ),
    follow: (reference, type) => {
      const found = objects.get(uuidOf(type, reference) ?? '');
      return typed(type, found === undefined ? [] : [found]);
    },
    uuids,
    referrers: (uuid, type) => typed(type, referrers.get(type)?.get(uuid) ?? []),
    members: (pool) => typed('loadbalancer-member', members.get(pool) ?? []),
  };
}

type Named = (type: string, name: readonly string[]) => ContrailObject | undefined;

/** Names are rarely asked for, since the embedded server gives UUIDs: the index is made when one is. */
function nameIndex(byType: ReadonlyMap<string, readonly ContrailObject[]>): Named {
  const made = new Map<string, ReadonlyMap<string, ContrailObject>>();
  return (type, name) => {
    const known = made.get(type) ?? new Map((byType.get(type) ?? []).map((each) => [fqNameText(each.fq_name), each]));
    made.set(type, known);
    return known.get(fqNameText(name));
  };
}

/** An object of a type has that type's fields: the server has checked them against the schema. */
function typed<K extends ConfigType>(_type: K, found: readonly ContrailObject[]): readonly ConfigTypes[K][] {
  return found as readonly ConfigTypes[K][];
}

/** The references of an object to objects of `type`; back references are not among them. */
export function referencesOf(object: ContrailObject, type: ConfigType): readonly Reference[] {
  // Reference fields are lists of references by the schema.
  return (object[FIELDS[type]] as readonly Reference[] | undefined) ?? [];
}

const FIELDS: Readonly<Record<ConfigType, string>> = {
  'address-group': 'address_group_refs',
  'application-policy-set': 'application_policy_set_refs',
  'firewall-policy': 'firewall_policy_refs',
  'firewall-rule': 'firewall_rule_refs',
  'floating-ip': 'floating_ip_refs',
  'instance-ip': 'instance_ip_refs',
  loadbalancer: 'loadbalancer_refs',
  'loadbalancer-healthmonitor': 'loadbalancer_healthmonitor_refs',
  'loadbalancer-listener': 'loadbalancer_listener_refs',
  'loadbalancer-member': 'loadbalancer_member_refs',
  'loadbalancer-pool': 'loadbalancer_pool_refs',
  'logical-router': 'logical_router_refs',
  'network-ipam': 'network_ipam_refs',
  'network-policy': 'network_policy_refs',
  'port-tuple': 'port_tuple_refs',
  project: 'project_refs',
  'security-group': 'security_group_refs',
  'service-group': 'service_group_refs',
  'service-health-check': 'service_health_check_refs',
  'service-instance': 'service_instance_refs',
  'service-template': 'service_template_refs',
  tag: 'tag_refs',
  'virtual-machine': 'virtual_machine_refs',
  'virtual-machine-interface': 'virtual_machine_interface_refs',
  'virtual-network': 'virtual_network_refs',
  'virtual-router': 'virtual_router_refs',
};

/** Links that are followed backwards. */
export const LINKED: readonly (readonly [referrer: ConfigType, target: ConfigType])[] = [
  ['instance-ip', 'virtual-machine-interface'],
  ['floating-ip', 'virtual-machine-interface'],
  ['virtual-machine-interface', 'port-tuple'],
  ['virtual-network', 'network-policy'],
  ['loadbalancer-listener', 'loadbalancer'],
  ['loadbalancer-pool', 'loadbalancer-listener'],
  ['loadbalancer-pool', 'loadbalancer-healthmonitor'],
  ['virtual-machine-interface', 'service-health-check'],
];

/** By the referrer's type, then by the UUID of what it refers to. */
function referrersOf(
  byType: ReadonlyMap<string, readonly ContrailObject[]>,
  uuidOf: (type: string, reference: Reference) => string | undefined,
): ReadonlyMap<string, ReadonlyMap<string, readonly ContrailObject[]>> {
  const referrers = new Map<string, Map<string, ContrailObject[]>>();
  for (const [type, target] of LINKED) {
    const ofType = referrers.get(type) ?? new Map<string, ContrailObject[]>();
    referrers.set(type, ofType);
    for (const object of byType.get(type) ?? []) {
      for (const reference of referencesOf(object, target)) append(ofType, uuidOf(target, reference) ?? '', object);
    }
  }
  return referrers;
}

function membersOf(
  byType: ReadonlyMap<string, readonly ContrailObject[]>,
  named: Named,
): ReadonlyMap<string, readonly ContrailObject[]> {
  const members = new Map<string, ContrailObject[]>();
  for (const member of byType.get('loadbalancer-member') ?? []) {
    const parent = member.parent_uuid ?? named('loadbalancer-pool', member.fq_name.slice(0, -1))?.uuid;
    if (parent !== undefined) append(members, parent, member);
  }
  return members;
}

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
