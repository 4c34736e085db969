/** Contrail config objects as they stand on the wire, and the few types that this project reads by name. */

/** A fully qualified name; the last item is the object's own name. */
export type FqName = readonly string[];

/** A reference as the config API writes it. `attr` is the link's own value, `null` where the link has none. */
export interface Reference<A = unknown> {
  readonly to: FqName;
  readonly uuid?: string;
  readonly attr?: A | null;
}

/** One config object in wire form: properties by name, references under `<type>_refs`. */
export interface ContrailObject {
  /** Resource type with dashes, as in URLs: `virtual-network`. */
  readonly type: string;
  readonly uuid: string;
  readonly fq_name: FqName;
  readonly parent_type?: string;
  readonly parent_uuid?: string;
  readonly display_name?: string;
  readonly [field: string]: unknown;
}

/** The wire form of a map property such as `annotations`. */
export interface KeyValuePairs {
  readonly key_value_pair: readonly { readonly key: string; readonly value: string }[];
}

export interface Subnet {
  readonly ip_prefix: string;
  readonly ip_prefix_len: number;
}

export interface IpamSubnet {
  readonly subnet: Subnet;
  readonly subnet_uuid?: string;
  readonly default_gateway?: string;
  readonly dns_server_address?: string;
  readonly addr_from_start?: boolean;
  readonly allocation_pools?: readonly { readonly start: string; readonly end: string }[];
}

export interface NetworkIpam extends ContrailObject {
  readonly type: 'network-ipam';
  readonly ipam_subnet_method?: 'user-defined-subnet' | 'flat-subnet' | 'auto-subnet';
  readonly ipam_subnets?: { readonly subnets: readonly IpamSubnet[] };
}

export interface VirtualNetwork extends ContrailObject {
  readonly type: 'virtual-network';
  /** Chosen by the server, unique in the installation: the network's VNI and its routing instance's mark. */
  readonly virtual_network_network_id?: number;
  readonly address_allocation_mode?:
    | 'user-defined-subnet-preferred'
    | 'user-defined-subnet-only'
    | 'flat-subnet-preferred'
    | 'flat-subnet-only';
  readonly virtual_network_properties?: { readonly forwarding_mode?: 'l2' | 'l3' | 'l2_l3' };
  readonly fabric_snat?: boolean;
  readonly router_external?: boolean;
  /** Where it is attached to nodes; 0 stands for frames without a tag. */
  readonly provider_properties?: ProviderDetails;
  readonly network_ipam_refs?: readonly Reference<{ readonly ipam_subnets?: readonly IpamSubnet[] }>[];
  readonly network_policy_refs?: readonly Reference<{ readonly sequence?: { major: number; minor: number } }>[];
  readonly virtual_network_refs?: readonly Reference[];
}

export interface ProviderDetails {
  readonly segmentation_id?: number;
  readonly physical_network?: string;
}

export interface PortRange {
  readonly start_port: number;
  readonly end_port: number;
}

export interface PolicyAddress {
  readonly virtual_network?: string | null;
  readonly network_policy?: string | null;
  readonly security_group?: string | null;
  readonly subnet?: Subnet | null;
  readonly subnet_list?: readonly Subnet[];
}

export interface PolicyRule {
  readonly rule_uuid?: string;
  readonly direction: '>' | '<>';
  readonly protocol: string;
  readonly ethertype?: 'IPv4' | 'IPv6';
  readonly src_addresses: readonly PolicyAddress[];
  readonly src_ports: readonly PortRange[];
  readonly dst_addresses: readonly PolicyAddress[];
  readonly dst_ports: readonly PortRange[];
  readonly action_list?: {
    readonly simple_action?: 'pass' | 'deny';
    readonly apply_service?: readonly string[];
    readonly mirror_to?: MirrorAction | null;
  };
}

export interface NetworkPolicy extends ContrailObject {
  readonly type: 'network-policy';
  readonly network_policy_entries?: { readonly policy_rule: readonly PolicyRule[] };
}

export interface SecurityGroup extends ContrailObject {
  readonly type: 'security-group';
  readonly security_group_entries?: { readonly policy_rule: readonly PolicyRule[] } | null;
}

export interface VirtualMachine extends ContrailObject {
  readonly type: 'virtual-machine';
  readonly server_type?: string;
}

export interface VirtualMachineInterface extends ContrailObject {
  readonly type: 'virtual-machine-interface';
  readonly virtual_machine_interface_mac_addresses?: { readonly mac_address: readonly string[] };
  readonly virtual_machine_interface_device_owner?: string;
  readonly port_security_enabled?: boolean;
  readonly virtual_network_refs?: readonly Reference[];
  readonly virtual_machine_refs?: readonly Reference[];
  readonly security_group_refs?: readonly Reference[];
  readonly virtual_machine_interface_properties?: {
    readonly service_interface_type?: string;
    readonly interface_mirror?: InterfaceMirror;
  };
  readonly port_tuple_refs?: readonly Reference[];
  readonly service_health_check_refs?: readonly Reference[];
}

/** Whom a copy of an interface's traffic is sent to. */
export interface InterfaceMirror {
  /** As the virtual router sees it: `ingress` is what comes in from the pod, `egress` what goes out to it. */
  readonly traffic_direction: 'ingress' | 'egress' | 'both';
  readonly mirror_to: MirrorAction;
}

/** Where copies are sent. */
export interface MirrorAction {
  readonly analyzer_name?: string;
  readonly analyzer_ip_address?: string;
  /** Of the analyzer's network. */
  readonly routing_instance?: string;
  readonly udp_port?: number;
  /** Whether a header of Juniper's stands between UDP and the frame. */
  readonly juniper_header?: boolean;
}

export interface ServiceTemplate extends ContrailObject {
  readonly type: 'service-template';
  readonly service_template_properties?: {
    readonly service_mode?: 'transparent' | 'in-network' | 'in-network-nat';
  };
}

/** The annotation of a service-instance that says what becomes of traffic when it has no instance: `bypass`, or else none passes. */
export const WHEN_EMPTY = 'when_empty';

export interface ServiceInstance extends ContrailObject {
  readonly type: 'service-instance';
  readonly service_instance_properties?: {
    readonly left_virtual_network?: string;
    readonly right_virtual_network?: string;
  };
  readonly service_template_refs?: readonly Reference[];
}

/** The interfaces of one pod that does a service's work; they refer to it. */
export interface PortTuple extends ContrailObject {
  readonly type: 'port-tuple';
}

export interface InstanceIp extends ContrailObject {
  readonly type: 'instance-ip';
  readonly instance_ip_address?: string;
  readonly instance_ip_family?: 'v4' | 'v6';
  readonly subnet_uuid?: string;
  readonly virtual_network_refs?: readonly Reference[];
  readonly virtual_machine_interface_refs?: readonly Reference[];
}

export interface FloatingIp extends ContrailObject {
  readonly type: 'floating-ip';
  readonly floating_ip_address?: string;
  readonly floating_ip_fixed_ip_address?: string;
  readonly floating_ip_traffic_direction?: 'both' | 'ingress' | 'egress';
  readonly floating_ip_port_mappings_enable?: boolean;
  readonly floating_ip_port_mappings?: {
    readonly port_mappings?: readonly {
      readonly protocol: string;
      readonly src_port: number;
      readonly dst_port: number;
    }[];
  };
  readonly virtual_machine_interface_refs?: readonly Reference[];
}

/** Ports of a protocol under which pods go outside by their node's address. */
export interface PortTranslationPool {
  readonly protocol: string;
  readonly port_range?: { readonly start_port: number; readonly end_port: number };
  /** Ports that an agent of Contrail's chooses itself; those of a range have none. */
  readonly port_count?: string;
}

export interface GlobalVrouterConfig extends ContrailObject {
  readonly type: 'global-vrouter-config';
  readonly port_translation_pools?: { readonly port_translation_pool?: readonly PortTranslationPool[] };
}

export interface LogicalRouter extends ContrailObject {
  readonly type: 'logical-router';
  readonly logical_router_type?: 'snat-routing' | 'vxlan-routing';
  readonly logical_router_gateway_external?: boolean;
  /** Its ports, one in each of its networks. */
  readonly virtual_machine_interface_refs?: readonly Reference[];
  /** The network outside. */
  readonly virtual_network_refs?: readonly Reference[];
}

export interface VirtualRouter extends ContrailObject {
  readonly type: 'virtual-router';
  readonly virtual_router_ip_address?: string;
  /** The physical networks that the machine has, each with its interface there. */
  readonly virtual_router_sriov_physical_networks?: KeyValuePairs;
  readonly virtual_machine_refs?: readonly Reference[];
}

export interface Loadbalancer extends ContrailObject {
  readonly type: 'loadbalancer';
  readonly loadbalancer_provider?: string;
  readonly loadbalancer_properties?: { readonly vip_address?: string; readonly admin_state?: boolean };
  readonly virtual_machine_interface_refs?: readonly Reference[];
}

export interface LoadbalancerListener extends ContrailObject {
  readonly type: 'loadbalancer-listener';
  readonly loadbalancer_listener_properties?: { readonly protocol?: string; readonly protocol_port?: number };
  readonly loadbalancer_refs?: readonly Reference[];
}

export interface LoadbalancerPool extends ContrailObject {
  readonly type: 'loadbalancer-pool';
  readonly loadbalancer_pool_properties?: { readonly protocol?: string; readonly session_persistence?: string };
  readonly loadbalancer_listener_refs?: readonly Reference[];
  readonly loadbalancer_healthmonitor_refs?: readonly Reference[];
}

export interface LoadbalancerHealthmonitor extends ContrailObject {
  readonly type: 'loadbalancer-healthmonitor';
  /** Times in seconds. */
  readonly loadbalancer_healthmonitor_properties?: {
    readonly admin_state?: boolean;
    readonly monitor_type: 'PING' | 'TCP' | 'HTTP' | 'HTTPS';
    readonly delay: number;
    readonly timeout: number;
    readonly max_retries: number;
    readonly http_method?: string;
    readonly url_path?: string;
  };
}

/** Asks the interfaces that refer to it. */
export interface ServiceHealthCheck extends ContrailObject {
  readonly type: 'service-health-check';
  /** Times in seconds, with microseconds beside them. */
  readonly service_health_check_properties?: {
    readonly enabled?: boolean;
    readonly health_check_type: string;
    readonly monitor_type: 'PING' | 'HTTP' | 'BFD';
    readonly delay: number;
    readonly delayUsecs?: number;
    readonly timeout: number;
    readonly timeoutUsecs?: number;
    readonly max_retries: number;
    readonly http_method?: string;
    readonly url_path?: string;
  };
}

export interface LoadbalancerMember extends ContrailObject {
  readonly type: 'loadbalancer-member';
  readonly loadbalancer_member_properties?: {
    readonly address?: string;
    readonly protocol_port?: number;
    readonly admin_state?: boolean;
  };
}

/** The value of one of an object's annotations, or `undefined`. */
export function annotationOf(object: ContrailObject, key: string): string | undefined {
  // `annotations` is a map property on every type of the schema.
  const annotations = object['annotations'] as KeyValuePairs | undefined;
  return annotations?.key_value_pair.find((pair) => pair.key === key)?.value;
}

/** A fully qualified name in its colon form, as rules and URLs write it. */
export function fqNameText(fqName: FqName): string {
  return fqName.join(':');
}
