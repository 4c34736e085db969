/** Config objects by type, by name and by who refers to them: what the compiler asks instead of scanning. Pure. */
import type {
  AddressGroup,
  ApplicationPolicySet,
  FirewallPolicy,
  FirewallRule,
  ServiceGroup,
} from '../../contrail/firewall.ts';
import type {
  ContrailObject,
  FloatingIp,
  GlobalVrouterConfig,
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
export interface ConfigTypes {
  'address-group': AddressGroup;
  'application-policy-set': ApplicationPolicySet;
  'firewall-policy': FirewallPolicy;
  'firewall-rule': FirewallRule;
  'floating-ip': FloatingIp;
  'global-vrouter-config': GlobalVrouterConfig;
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
export type ConfigType = keyof ConfigTypes;

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
  'global-vrouter-config': 'global_vrouter_config_refs',
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
