/** Config objects for tests, as the config API would send them. */
import type { ContrailObject } from '../../contrail/objects.ts';
import { uuidOf } from '../../contrail/names.ts';

const PROJECT = ['default-domain', 'k8s-test'];

export interface TestNetwork {
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
export interface TestService {
  readonly vip: string;
  readonly network: string;
  readonly project?: string;
  readonly ports: readonly { readonly protocol: string; readonly port: number; readonly backends: readonly (readonly [pod: string, port: number])[] }[];
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

/** The objects of a small world, by UUID. */
export function worldObjects(world: TestWorld): Map<string, ContrailObject> {
  const objects = new Map<string, ContrailObject>();
  const put = (type: string, fqName: readonly string[], fields: Record<string, unknown>): string => {
    const uuid = uuidOf(type, fqName);
    objects.set(uuid, { type, uuid, fq_name: fqName, ...fields });
    return uuid;
  };
  for (const [name, rules] of Object.entries(world.policies ?? {})) {
    const address = (text: string) =>
      text === 'self' ? { network_policy: [...PROJECT, name].join(':') } : { virtual_network: networkName(text).join(':') };
    put('network-policy', [...PROJECT, name], {
      network_policy_entries: {
        policy_rule: rules.map(([from, to]) => ({
          direction: '<>',
          protocol: 'any',
          action_list: { simple_action: 'pass' },
          src_addresses: [address(from)],
          dst_addresses: [address(to)],
          src_ports: [{ start_port: -1, end_port: -1 }],
          dst_ports: [{ start_port: -1, end_port: -1 }],
        })),
      },
    });
  }
  for (const [name, network] of Object.entries(world.networks)) {
    const [prefix, length] = (network.subnet ?? '').split('/');
    const ipam = [...PROJECT, `${name}-ipam`];
    const subnets = prefix ? [{ subnet: { ip_prefix: prefix, ip_prefix_len: Number(length) } }] : [];
    put('network-ipam', ipam, network.overlapping ? {} : { ipam_subnet_method: 'flat-subnet', ipam_subnets: { subnets } });
    put('virtual-network', networkName(name), {
      virtual_network_network_id: network.id,
      address_allocation_mode: network.overlapping ? 'user-defined-subnet-only' : 'flat-subnet-only',
      network_ipam_refs: [ref('network-ipam', ipam, { ipam_subnets: network.overlapping ? subnets : [] })],
      network_policy_refs: (network.policies ?? []).map((policy) => ref('network-policy', [...PROJECT, policy])),
    });
  }
  for (const [name, pod] of Object.entries(world.pods ?? {})) {
    const project = ['default-domain', pod.project ?? 'k8s-test'];
    const vm = [`k8s__test__${name}`];
    put('virtual-machine', vm, {});
    const vmi = [...project, name];
    put('virtual-machine-interface', vmi, {
      virtual_network_refs: [ref('virtual-network', networkName(pod.network))],
      virtual_machine_refs: [ref('virtual-machine', vm)],
      virtual_machine_interface_mac_addresses: { mac_address: [macOf(vmiOf(name, pod.project))] },
    });
    put('instance-ip', [name], {
      instance_ip_address: pod.address,
      virtual_network_refs: [ref('virtual-network', networkName(pod.network))],
      virtual_machine_interface_refs: [ref('virtual-machine-interface', vmi)],
    });
  }
  for (const [name, address] of Object.entries(world.nodes)) {
    const vms = Object.entries(world.pods ?? {}).filter(([, pod]) => pod.node === name);
    put('virtual-router', ['default-global-system-config', name], {
      virtual_router_ip_address: address,
      virtual_machine_refs: vms.map(([pod]) => ref('virtual-machine', [`k8s__test__${pod}`])),
    });
  }
  for (const [name, service] of Object.entries(world.services ?? {})) {
    const project = ['default-domain', service.project ?? 'k8s-test'];
    const vmi = [...project, `k8s__Service__${name}`];
    put('virtual-machine-interface', vmi, {
      virtual_machine_interface_device_owner: 'K8S:LOADBALANCER',
      virtual_network_refs: [ref('virtual-network', networkName(service.network))],
    });
    put('instance-ip', [`${name}-vip`], {
      instance_ip_address: service.vip,
      virtual_machine_interface_refs: [ref('virtual-machine-interface', vmi)],
    });
    const balancer = [...project, name];
    put('loadbalancer', balancer, {
      loadbalancer_properties: { vip_address: service.vip },
      virtual_machine_interface_refs: [ref('virtual-machine-interface', vmi)],
    });
    for (const { protocol, port, backends } of service.ports) {
      const listener = [...project, `${name}-${protocol}-${port}`];
      put('loadbalancer-listener', listener, {
        loadbalancer_listener_properties: { protocol, protocol_port: port },
        loadbalancer_refs: [ref('loadbalancer', balancer)],
      });
      const pool = put('loadbalancer-pool', listener, { loadbalancer_listener_refs: [ref('loadbalancer-listener', listener)] });
      for (const [backend, backendPort] of backends) {
        const pod = world.pods?.[backend];
        put('loadbalancer-member', [...listener, backend], {
          parent_uuid: pool,
          loadbalancer_member_properties: { address: pod?.address ?? backend, protocol_port: backendPort },
          ...(pod === undefined ? {} : { annotations: { key_value_pair: [{ key: 'vmi', value: vmiOf(backend, pod.project) }] } }),
        });
      }
    }
  }
  return objects;
}

/** The UUID of a test pod's interface. */
export function vmiOf(pod: string, project = 'k8s-test'): string {
  return uuidOf('virtual-machine-interface', ['default-domain', project, pod]);
}

/** A locally administered MAC address from a UUID. */
export function macOf(uuid: string): string {
  return ['02', ...(uuid.slice(0, 8) + uuid.slice(9, 11)).match(/../g)!].join(':');
}
