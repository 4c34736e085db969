/** Config objects for tests, as the config API would send them. */
import type { ContrailObject } from '../../contrail/objects.ts';
import { uuidOf } from '../../contrail/names.ts';

const PROJECT = ['default-domain', 'k8s-test'];

interface TestNetwork {
  readonly id: number;
  readonly overlapping?: boolean;
  readonly policies?: readonly string[];
  readonly subnet?: string;
}
export interface TestPod {
  readonly network: string;
  readonly address: string;
  readonly node: string;
  readonly project?: string;
}
interface TestService {
  readonly vip: string;
  readonly network: string;
  readonly project?: string;
  readonly ports: readonly {
    readonly protocol: string;
    readonly port: number;
    readonly backends: readonly (readonly [pod: string, port: number])[];
  }[];
}
export interface TestWorld {
  readonly nodes: Readonly<Record<string, string>>;
  readonly networks: Readonly<Record<string, TestNetwork>>;
  /** Policy name to its rules: source and target network, or `self` for whoever has the policy attached. */
  readonly policies?: Readonly<Record<string, readonly (readonly [from: string, to: string])[]>>;
  readonly pods?: Readonly<Record<string, TestPod>>;
  /** Back ends are names of pods, or addresses. */
  readonly services?: Readonly<Record<string, TestService>>;
}

function networkName(name: string): string[] {
  return name === 'ip-fabric' ? ['default-domain', 'default-project', 'ip-fabric'] : [...PROJECT, name];
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
  const pods = Object.entries(world.pods ?? {});
  for (const [name, pod] of pods) putPod(put, name, pod);
  for (const [name, address] of Object.entries(world.nodes)) {
    put('virtual-router', ['default-global-system-config', name], {
      virtual_router_ip_address: address,
      virtual_machine_refs: pods
        .filter(([, { node }]) => node === name)
        .map(([pod]) => ref('virtual-machine', [`k8s__test__${pod}`])),
    });
  }
  for (const [name, service] of Object.entries(world.services ?? {}))
    putService(put, { name, service, pods: world.pods ?? {} });
  return objects;
}

function putPolicies(put: Put, world: TestWorld): void {
  const any = [{ start_port: -1, end_port: -1 }];
  for (const [name, rules] of Object.entries(world.policies ?? {})) {
    const address = (text: string) =>
      text === 'self'
        ? { network_policy: [...PROJECT, name].join(':') }
        : { virtual_network: networkName(text).join(':') };
    const entries = rules.map(([from, to]) => ({
      direction: '<>',
      protocol: 'any',
      action_list: { simple_action: 'pass' },
      src_addresses: [address(from)],
      dst_addresses: [address(to)],
      src_ports: any,
      dst_ports: any,
    }));
    put('network-policy', [...PROJECT, name], { network_policy_entries: { policy_rule: entries } });
  }
}

function putNetworks(put: Put, world: TestWorld): void {
  putPolicies(put, world);
  for (const [name, { id, overlapping = false, subnet = '', policies = [] }] of Object.entries(world.networks)) {
    const [prefix, length] = subnet.split('/');
    const ipam = [...PROJECT, `${name}-ipam`];
    const subnets = prefix ? [{ subnet: { ip_prefix: prefix, ip_prefix_len: Number(length) } }] : [];
    put('network-ipam', ipam, overlapping ? {} : { ipam_subnet_method: 'flat-subnet', ipam_subnets: { subnets } });
    put('virtual-network', networkName(name), {
      virtual_network_network_id: id,
      virtual_network_properties: { forwarding_mode: 'l3' },
      address_allocation_mode: overlapping ? 'user-defined-subnet-only' : 'flat-subnet-only',
      network_ipam_refs: [ref('network-ipam', ipam, { ipam_subnets: overlapping ? subnets : [] })],
      network_policy_refs: policies.map((policy) =>
        ref('network-policy', [...PROJECT, policy], { sequence: { major: 0, minor: 0 } }),
      ),
    });
  }
}

function putPod(put: Put, name: string, pod: TestPod): void {
  const vm = [`k8s__test__${name}`];
  const vmi = ['default-domain', pod.project ?? 'k8s-test', name];
  const network = ref('virtual-network', networkName(pod.network));
  put('virtual-machine', vm, {});
  put('virtual-machine-interface', vmi, {
    virtual_network_refs: [network],
    virtual_machine_refs: [ref('virtual-machine', vm)],
    virtual_machine_interface_mac_addresses: { mac_address: [macOf(vmiOf(name, pod.project))] },
  });
  put('instance-ip', [name], {
    instance_ip_address: pod.address,
    virtual_network_refs: [network],
    virtual_machine_interface_refs: [ref('virtual-machine-interface', vmi)],
  });
}

interface ServiceContext {
  readonly name: string;
  readonly service: TestService;
  readonly pods: Readonly<Record<string, TestPod>>;
}

function putService(put: Put, { name, service, pods }: ServiceContext): void {
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
  put('loadbalancer', [...project, name], {
    loadbalancer_properties: { vip_address: service.vip },
    virtual_machine_interface_refs: [ref('virtual-machine-interface', vmi)],
  });
  for (const { protocol, port, backends } of service.ports) {
    const listener = [...project, `${name}-${protocol}-${port}`];
    put('loadbalancer-listener', listener, {
      loadbalancer_listener_properties: { protocol, protocol_port: port },
      loadbalancer_refs: [ref('loadbalancer', [...project, name])],
    });
    const pool = put('loadbalancer-pool', listener, {
      loadbalancer_listener_refs: [ref('loadbalancer-listener', listener)],
    });
    for (const [backend, backendPort] of backends) {
      const pod = pods[backend];
      put('loadbalancer-member', [...listener, backend], {
        parent_uuid: pool,
        loadbalancer_member_properties: { address: pod?.address ?? backend, protocol_port: backendPort },
        ...(pod === undefined
          ? {}
          : { annotations: { key_value_pair: [{ key: 'vmi', value: vmiOf(backend, pod.project) }] } }),
      });
    }
  }
}

/** The UUID of a test pod's interface. */
export function vmiOf(pod: string, project = 'k8s-test'): string {
  return uuidOf('virtual-machine-interface', ['default-domain', project, pod]);
}

/** A locally administered MAC address from a UUID. */
export function macOf(uuid: string): string {
  return ['02', ...(uuid.slice(0, 8) + uuid.slice(9, 11)).match(/../g)!].join(':');
}
