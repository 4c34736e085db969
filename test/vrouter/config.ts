/** Config objects for tests, as the config API would send them. */
import type { ContrailObject, LoadbalancerHealthmonitor, PolicyRule } from '../../contrail/objects.ts';
import { uuidOf } from '../../contrail/names.ts';
import { physicalNetworks, providerOf } from '../../contrail/provider.ts';
import {
  type BalancerTraffic,
  listenerAnnotations,
  memberAnnotations,
  PLAIN_TRAFFIC,
  poolAnnotations,
  trafficAnnotations,
} from '../../contrail/traffic.ts';
import { cidrList } from '../../runtime/cidr.ts';
import { putFirewall, type TestFirewall } from './firewall-config.ts';

const PROJECT = ['default-domain', 'k8s-test'];

interface TestNetwork {
  readonly id: number;
  readonly overlapping?: boolean;
  /** Names, or names with the major number of their place in the network's list. */
  readonly policies?: readonly (string | readonly [name: string, major: number])[];
  /** Or several, with spaces between. */
  readonly subnet?: string;
  readonly snat?: boolean;
  /** Whether the underlay routes it. */
  readonly forwarded?: boolean;
}
export interface TestPod {
  readonly network: string;
  readonly address: string;
  readonly node: string;
  readonly project?: string;
  readonly probe?: string;
  /** Names of security groups. */
  readonly groups?: readonly string[];
  /** Tags of everybody's: `tier=web`. */
  readonly tags?: readonly string[];
  /** The pod that has it as a further interface, under a name; else it is a pod of its own. */
  readonly of?: readonly [pod: string, device: string];
  /** Another address, of the other family. */
  readonly address6?: string;
  /** The address that its traffic is copied to, and what of it. */
  readonly mirror?: readonly [analyzer: string, direction: 'ingress' | 'egress' | 'both'];
}
interface TestService {
  readonly vip: string;
  readonly network: string;
  readonly project?: string;
  readonly traffic?: Partial<BalancerTraffic>;
  /** Floating addresses. */
  readonly floating?: readonly string[];
  /** Its members are checked. */
  readonly monitor?: LoadbalancerHealthmonitor['loadbalancer_healthmonitor_properties'];
  readonly ports: readonly {
    readonly protocol: string;
    readonly port: number;
    readonly nodePort?: number;
    readonly affinitySeconds?: number;
    /** A back end that is `draining` is on its way out. */
    readonly backends: readonly (readonly [pod: string, port: number, state?: 'draining'])[];
  }[];
}
interface TestFloating {
  readonly pods: readonly string[];
  readonly direction?: 'both' | 'ingress' | 'egress';
  /** Ports that lead to others of the pod; all do to themselves, where absent. */
  readonly ports?: readonly (readonly [protocol: string, port: number, targetPort: number])[];
}
interface TestRouter {
  readonly networks: readonly string[];
  readonly addresses: readonly string[];
}
/** A network outside at an interface of nodes; floating addresses in its subnets are of it. */
interface TestExternal {
  readonly id: number;
  readonly interface: string;
  /** With its router. */
  readonly subnets: readonly (readonly [cidr: string, gateway: string])[];
  /** Nodes that say they have the interface. */
  readonly nodes: readonly string[];
}
/** A service of chains. */
interface TestChained {
  readonly mode: 'in-network' | 'in-network-nat' | 'transparent';
  /** Names of interfaces in `pods`. */
  readonly instances: readonly (readonly [left: string, right: string])[];
  readonly isBypassed?: boolean;
}
type TestRule = readonly [from: string, to: string, fields?: Partial<PolicyRule>];

export interface TestWorld {
  readonly nodes: Readonly<Record<string, string>>;
  /** IPv6 addresses of those that have one. */
  readonly nodes6?: Readonly<Record<string, string>>;
  readonly networks: Readonly<Record<string, TestNetwork>>;
  /**
   * Policy name to its rules: source and target network, or `self` for whoever has the policy attached, `any` or `local`; all
   * traffic passes both ways, unless the rule says something else.
   */
  readonly policies?: Readonly<Record<string, readonly TestRule[]>>;
  readonly pods?: Readonly<Record<string, TestPod>>;
  /** Security groups by name; a rule names others by `groupName`. */
  readonly groups?: Readonly<Record<string, readonly PolicyRule[]>>;
  readonly firewall?: TestFirewall;
  /** Back ends are names of pods, or addresses. */
  readonly services?: Readonly<Record<string, TestService>>;
  readonly routers?: Readonly<Record<string, TestRouter>>;
  /** Services that rules name with `through`. */
  readonly chained?: Readonly<Record<string, TestChained>>;
  /** Floating addresses of pods. */
  readonly floating?: Readonly<Record<string, TestFloating>>;
  readonly externals?: Readonly<Record<string, TestExternal>>;
  /** Ports under which pods go outside by their node's address. */
  readonly portPools?: readonly (readonly [protocol: string, first: number, last: number])[];
}

/** A network's name by its short one. */
export function networkName(name: string): string[] {
  return name === 'ip-fabric' ? ['default-domain', 'default-project', 'ip-fabric'] : [...PROJECT, name];
}

/** What a rule says that leads through services of `chained`. */
export function through(...services: readonly string[]): Partial<PolicyRule> {
  return {
    action_list: { simple_action: 'pass', apply_service: services.map((name) => [...PROJECT, name].join(':')) },
  };
}

function ref(type: string, to: readonly string[], attr: unknown = null) {
  return { to, uuid: uuidOf(type, to), attr };
}

type Put = (type: string, fqName: readonly string[], fields: Record<string, unknown>) => string;

/** The objects of a small world, by UUID. */
export function worldObjects(world: TestWorld): Map<string, ContrailObject> {
  const objects = new Map<string, ContrailObject>();
  const put: Put = (type, fqName, fields) => {
    const uuid = uuidOf(type, fqName);
    objects.set(uuid, { type, uuid, fq_name: fqName, ...fields });
    return uuid;
  };
  putNetworks(put, world);
  putFirewall(put, ref, world.firewall);
  for (const [name, rules] of Object.entries(world.groups ?? {}))
    put('security-group', [...PROJECT, name], { security_group_entries: { policy_rule: rules } });
  const pods = Object.entries(world.pods ?? {});
  const tuples = putChained(put, world);
  for (const [name, pod] of pods) putPod(put, { name, pod, tuple: tuples.get(name) });
  for (const [name, address] of Object.entries(world.nodes)) {
    put('virtual-router', ['default-global-system-config', name], {
      virtual_router_ip_address: address,
      ...annotations({ internal_ips: JSON.stringify([address, world.nodes6?.[name]].filter(Boolean)) }),
      ...physicalNetworksOf(name, world),
      virtual_machine_refs: pods
        .filter(([, { node }]) => node === name)
        .map(([pod, { of }]) => ref('virtual-machine', [`k8s__test__${of?.[0] ?? pod}`])),
    });
  }
  putEntrances(put, world);
  putPortPools(put, world);
  return objects;
}

/** What leads to pods, or from them: services, floating addresses and routers. */
function putEntrances(put: Put, world: TestWorld): void {
  const { services = {}, pods = {}, floating = {}, routers = {}, externals = {} } = world;
  const nameOf = floatingNamer(externals);
  for (const [name, external] of Object.entries(externals)) putExternal(put, name, external);
  for (const [name, router] of Object.entries(routers)) putRouter(put, name, { ...router, nameOf });
  for (const [name, service] of Object.entries(services)) putService(put, { name, service, pods, nameOf });
  for (const [address, each] of Object.entries(floating)) putPodFloating(put, nameOf(address), each);
}

function putPortPools(put: Put, { portPools }: TestWorld): void {
  if (portPools === undefined) return;
  const pools = portPools.map(([protocol, start_port, end_port]) => ({
    protocol,
    port_range: { start_port, end_port },
  }));
  put('global-vrouter-config', ['default-global-system-config', 'default-global-vrouter-config'], {
    port_translation_pools: { port_translation_pool: pools },
  });
}

/** A floating IP's name, which says whose its address is. */
type FloatingNamer = (address: string) => readonly string[];

function floatingNamer(externals: NonNullable<TestWorld['externals']>): FloatingNamer {
  return (address) => {
    const [network = 'outside'] =
      Object.entries(externals).find(([, { subnets }]) => cidrList(subnets.map(([cidr]) => cidr))(address)) ?? [];
    return [...PROJECT, network, 'pool', address];
  };
}

function putExternal(put: Put, name: string, { id, interface: device, subnets }: TestExternal): void {
  const ipam = [...PROJECT, `${name}-ipam`];
  put('network-ipam', ipam, {});
  const attr = {
    ipam_subnets: subnets.map(([cidr, default_gateway]) => {
      const [prefix, length] = cidr.split('/');
      return { subnet: { ip_prefix: prefix, ip_prefix_len: Number(length) }, default_gateway };
    }),
  };
  put('virtual-network', networkName(name), {
    virtual_network_network_id: id,
    address_allocation_mode: 'user-defined-subnet-only',
    router_external: true,
    provider_properties: providerOf(device),
    network_ipam_refs: [ref('network-ipam', ipam, attr)],
  });
  put('floating-ip-pool', [...networkName(name), 'pool'], {});
}

function physicalNetworksOf(node: string, { externals = {} }: TestWorld): Record<string, unknown> {
  const having = Object.values(externals).filter(({ nodes }) => nodes.includes(node));
  if (having.length === 0) return {};
  return { virtual_router_sriov_physical_networks: physicalNetworks(having.map((each) => each.interface)) };
}

function putPolicies(put: Put, world: TestWorld): void {
  const any = [{ start_port: -1, end_port: -1 }];
  for (const [name, rules] of Object.entries(world.policies ?? {})) {
    const address = (text: string) => {
      if (text === 'self') return { network_policy: [...PROJECT, name].join(':') };
      return { virtual_network: text === 'any' || text === 'local' ? text : networkName(text).join(':') };
    };
    const entries = rules.map(([from, to, fields = {}]) => ({
      direction: '<>',
      protocol: 'any',
      action_list: { simple_action: 'pass' },
      src_addresses: [address(from)],
      dst_addresses: [address(to)],
      src_ports: any,
      dst_ports: any,
      ...fields,
    }));
    put('network-policy', [...PROJECT, name], { network_policy_entries: { policy_rule: entries } });
  }
}

function putNetworks(put: Put, world: TestWorld): void {
  putPolicies(put, world);
  for (const [name, { id, overlapping = false, subnet = '', policies = [], snat = false, forwarded }] of Object.entries(
    world.networks,
  )) {
    const ipam = [...PROJECT, `${name}-ipam`];
    const subnets = subnet.split(' ').flatMap((cidr) => {
      const [prefix, length] = cidr.split('/');
      return prefix ? [{ subnet: { ip_prefix: prefix, ip_prefix_len: Number(length) } }] : [];
    });
    put('network-ipam', ipam, overlapping ? {} : { ipam_subnet_method: 'flat-subnet', ipam_subnets: { subnets } });
    put('virtual-network', networkName(name), {
      virtual_network_network_id: id,
      virtual_network_properties: { forwarding_mode: 'l3' },
      address_allocation_mode: overlapping ? 'user-defined-subnet-only' : 'flat-subnet-only',
      fabric_snat: snat,
      ...providerFields(forwarded),
      network_ipam_refs: [ref('network-ipam', ipam, { ipam_subnets: overlapping ? subnets : [] })],
      network_policy_refs: policies.map((each) => {
        const [policy, major] = typeof each === 'string' ? [each, 0] : each;
        return ref('network-policy', [...PROJECT, policy], { sequence: { major, minor: 0 } });
      }),
    });
  }
}

function providerFields(isForwarded: boolean | undefined): Record<string, unknown> {
  return isForwarded ? { virtual_network_refs: [ref('virtual-network', networkName('ip-fabric'))] } : {};
}

/** The port tuple of each interface that is a service's, and its side. */
function putChained(
  put: Put,
  { chained = {} }: TestWorld,
): ReadonlyMap<string, readonly [side: string, tuple: string[]]> {
  const found = new Map<string, readonly [string, string[]]>();
  for (const [name, { mode, instances, isBypassed = false }] of Object.entries(chained)) {
    const service = [...PROJECT, name];
    put('service-template', ['default-domain', name], {
      service_template_properties: { version: 2, service_mode: mode },
    });
    const uuid = put('service-instance', service, {
      service_template_refs: [ref('service-template', ['default-domain', name])],
      ...annotations(isBypassed ? { when_empty: 'bypass' } : {}),
    });
    for (const [left, right] of instances) {
      const tuple = [...service, `${left} ${right}`];
      put('port-tuple', tuple, { parent_uuid: uuid });
      found.set(left, ['left', tuple]).set(right, ['right', tuple]);
    }
  }
  return found;
}

interface PutPod {
  readonly name: string;
  readonly pod: TestPod;
  readonly tuple: readonly [side: string, tuple: string[]] | undefined;
}

function putPod(put: Put, { name, pod, tuple }: PutPod): void {
  const vm = [`k8s__test__${pod.of?.[0] ?? name}`];
  const vmi = ['default-domain', pod.project ?? 'k8s-test', name];
  const network = ref('virtual-network', networkName(pod.network));
  put('virtual-machine', vm, {});
  put('virtual-machine-interface', vmi, {
    virtual_network_refs: [network],
    virtual_machine_refs: [ref('virtual-machine', vm)],
    security_group_refs: (pod.groups ?? []).map((group) => ref('security-group', [...PROJECT, group])),
    tag_refs: (pod.tags ?? []).map((tag) => ref('tag', [tag])),
    virtual_machine_interface_mac_addresses: { mac_address: [macOf(vmiOf(name, pod.project))] },
    ...tupleFields({ pod, tuple }),
    ...(pod.probe === undefined ? {} : { annotations: { key_value_pair: [{ key: 'probe', value: pod.probe }] } }),
  });
  for (const address of [pod.address, pod.address6]) {
    if (address === undefined) continue;
    put('instance-ip', address === pod.address ? [name] : [name, 'v6'], {
      instance_ip_address: address,
      virtual_network_refs: [network],
      virtual_machine_interface_refs: [ref('virtual-machine-interface', vmi)],
    });
  }
}

function tupleFields({ pod, tuple }: Omit<PutPod, 'name'>): Record<string, unknown> {
  const [side, name] = tuple ?? [];
  return {
    port_tuple_refs: name === undefined ? [] : [ref('port-tuple', name)],
    virtual_machine_interface_properties: { service_interface_type: side, ...mirrorOf(pod) },
  };
}

function mirrorOf({ mirror }: TestPod): Record<string, unknown> {
  if (mirror === undefined) return {};
  const [analyzer_ip_address, traffic_direction] = mirror;
  return { interface_mirror: { traffic_direction, mirror_to: { analyzer_ip_address, juniper_header: false } } };
}

interface ServiceContext {
  readonly name: string;
  readonly service: TestService;
  readonly pods: Readonly<Record<string, TestPod>>;
  readonly nameOf: FloatingNamer;
}

function putService(put: Put, { name, service, pods, nameOf }: ServiceContext): void {
  const project = ['default-domain', service.project ?? 'k8s-test'];
  const vmi = [...project, `k8s__Service__${name}`];
  const network = ref('virtual-network', networkName(service.network));
  put('virtual-machine-interface', vmi, {
    virtual_machine_interface_device_owner: 'K8S:LOADBALANCER',
    virtual_network_refs: [network],
  });
  put('instance-ip', [`${name}-vip`], {
    instance_ip_address: service.vip,
    virtual_network_refs: [network],
    virtual_machine_interface_refs: [ref('virtual-machine-interface', vmi)],
  });
  for (const address of service.floating ?? [])
    put('floating-ip', nameOf(address), {
      floating_ip_address: address,
      virtual_machine_interface_refs: [ref('virtual-machine-interface', vmi)],
    });
  put('loadbalancer', [...project, name], {
    loadbalancer_properties: { vip_address: service.vip },
    virtual_machine_interface_refs: [ref('virtual-machine-interface', vmi)],
    ...annotations({ name, ...trafficAnnotations({ ...PLAIN_TRAFFIC, ...service.traffic }) }),
  });
  const monitor = [...project, `${name}-healthmonitor`];
  if (service.monitor !== undefined)
    put('loadbalancer-healthmonitor', monitor, { loadbalancer_healthmonitor_properties: service.monitor });
  const monitors = service.monitor === undefined ? [] : [ref('loadbalancer-healthmonitor', monitor)];
  for (const port of service.ports) putPort(put, port, { name, project, pods, monitors });
}

function putRouter(
  put: Put,
  name: string,
  { networks, addresses, nameOf }: TestRouter & { readonly nameOf: FloatingNamer },
): void {
  const ports = networks.map((network) => [...PROJECT, `${name}-${network}`]);
  for (const [index, port] of ports.entries())
    put('virtual-machine-interface', port, {
      virtual_machine_interface_device_owner: 'network:router_interface',
      virtual_network_refs: [ref('virtual-network', networkName(networks[index] ?? ''))],
    });
  const refs = { virtual_machine_interface_refs: ports.map((port) => ref('virtual-machine-interface', port)) };
  put('logical-router', [...PROJECT, name], { logical_router_gateway_external: true, ...refs });
  for (const address of addresses) put('floating-ip', nameOf(address), { floating_ip_address: address, ...refs });
}

function putPodFloating(put: Put, name: readonly string[], { pods, direction, ports }: TestFloating): void {
  const mappings = ports?.map(([protocol, src_port, dst_port]) => ({ protocol, src_port, dst_port }));
  put('floating-ip', name, {
    floating_ip_address: name.at(-1),
    ...(direction === undefined ? {} : { floating_ip_traffic_direction: direction }),
    floating_ip_port_mappings_enable: mappings !== undefined,
    ...(mappings === undefined ? {} : { floating_ip_port_mappings: { port_mappings: mappings } }),
    virtual_machine_interface_refs: pods.map((pod) =>
      ref('virtual-machine-interface', ['default-domain', 'k8s-test', pod]),
    ),
  });
}

interface PortContext extends Pick<ServiceContext, 'name' | 'pods'> {
  readonly project: readonly string[];
  /** References to who checks its members. */
  readonly monitors: readonly object[];
}

function putPort(
  put: Put,
  { protocol, port, nodePort, affinitySeconds, backends }: TestService['ports'][number],
  { name, project, pods, monitors }: PortContext,
): void {
  const listener = [...project, `${name}-${protocol}-${port}`];
  put('loadbalancer-listener', listener, {
    loadbalancer_listener_properties: { protocol, protocol_port: port },
    loadbalancer_refs: [ref('loadbalancer', [...project, name])],
    ...annotations(listenerAnnotations({ nodePort })),
  });
  const pool = put('loadbalancer-pool', listener, {
    loadbalancer_listener_refs: [ref('loadbalancer-listener', listener)],
    loadbalancer_healthmonitor_refs: monitors,
    ...annotations(poolAnnotations(affinitySeconds)),
  });
  for (const [backend, backendPort, state] of backends) {
    const pod = pods[backend];
    const draining = state === 'draining';
    put('loadbalancer-member', [...listener, backend], {
      parent_uuid: pool,
      loadbalancer_member_properties: {
        address: pod?.address ?? backend,
        protocol_port: backendPort,
        admin_state: !draining,
      },
      ...annotations({
        ...(pod === undefined ? {} : { vmi: vmiOf(backend, pod.project) }),
        ...memberAnnotations(pod === undefined ? {} : { node: pod.node }, draining),
      }),
    });
  }
}

function annotations(pairs: Readonly<Record<string, string>>) {
  return { annotations: { key_value_pair: Object.entries(pairs).map(([key, value]) => ({ key, value })) } };
}

/** A security group's name as rules write it. */
export function groupName(group: string): string {
  return [...PROJECT, group].join(':');
}

/** The UUID of a test pod's interface. */
export function vmiOf(pod: string, project = 'k8s-test'): string {
  return uuidOf('virtual-machine-interface', ['default-domain', project, pod]);
}

/** A locally administered MAC address from a UUID. */
export function macOf(uuid: string): string {
  return ['02', ...(uuid.slice(0, 8) + uuid.slice(9, 11)).match(/../g)!].join(':');
}
