/**
 * Services from load balancer objects (facts 5.1). A source that may reach the virtual address's network may reach its
 * back ends, but only those of the service's own project: else whoever may write an EndpointSlice could name another
 * tenant's pod. Pure.
 */
import { annotationOf } from '../../contrail/objects.ts';
import type {
  ContrailObject,
  Loadbalancer,
  LoadbalancerListener,
  LoadbalancerMember,
  LoadbalancerPool,
  VirtualMachineInterface,
  VirtualNetwork,
} from '../../contrail/objects.ts';
import type { Backend, InstanceId, Network, Passage, Remote, Port, Service } from '../model.ts';
import { cidrList, isSpecialAddress } from './cidr.ts';
import { addressesOf } from './endpoints.ts';
import type { ConfigIndex } from './index-config.ts';

export interface ServiceContext {
  readonly networks: readonly Network[];
  readonly fabric: InstanceId;
  readonly passages: readonly Passage[];
  readonly ports: readonly Port[];
  readonly remotes: readonly Remote[];
}

const PROTOCOLS: Readonly<Record<string, Service['protocol']>> = {
  TCP: 'tcp',
  HTTP: 'tcp',
  HTTPS: 'tcp',
  TERMINATED_HTTPS: 'tcp',
  UDP: 'udp',
  SCTP: 'sctp',
};

/** Every listener of every load balancer whose virtual address's network is known, in a stable order. */
export function compileServices(config: ConfigIndex, context: ServiceContext): readonly Service[] {
  const byUuid = new Map(context.networks.map((network) => [network.uuid, network]));
  const admit = backendRule(config, context);
  return config.all<Loadbalancer>('loadbalancer').flatMap((balancer) => {
    const vmi = config.targets<VirtualMachineInterface>(balancer, 'virtual-machine-interface')[0];
    const network = vmi && byUuid.get(config.targets<VirtualNetwork>(vmi, 'virtual-network')[0]?.uuid ?? '');
    if (vmi === undefined || network === undefined || network.overlapping) return [];
    const vips = new Set([...addressesOf(config, vmi.uuid), ...vipOf(balancer)]);
    return config.referrers<LoadbalancerListener>(balancer.uuid, 'loadbalancer-listener').flatMap((listener) => {
      const backends = membersOf(config, listener).flatMap((member) => admit(member, balancer, network.id));
      return [...vips].flatMap((vip) => serviceOf(vip, network.id, { listener, backends }));
    });
  });
}

/** Source network to back end's network, for every source that may reach a virtual address's network. */
export function compileServicePassages(services: readonly Service[], passages: readonly Passage[]): readonly Passage[] {
  const found = new Map<string, Passage>();
  const backendNetworks = new Map<InstanceId, Set<InstanceId>>();
  for (const { network, backends } of services) {
    const known = backendNetworks.get(network) ?? new Set();
    for (const backend of backends) known.add(backend.network);
    backendNetworks.set(network, known);
  }
  for (const { from, to } of passages) {
    for (const backend of backendNetworks.get(to) ?? []) found.set(`${from} ${backend}`, { from, to: backend });
  }
  return [...found.values()].sort((a, b) => a.from - b.from || a.to - b.to);
}

function serviceOf(
  vip: string,
  network: InstanceId,
  { listener, backends }: { listener: LoadbalancerListener; backends: readonly Backend[] },
): readonly Service[] {
  const { protocol = '', protocol_port: port } = listener.loadbalancer_listener_properties ?? {};
  const kernelProtocol = PROTOCOLS[protocol];
  if (kernelProtocol === undefined || port === undefined) return [];
  const sameFamily = backends.filter(({ address }) => address.includes(':') === vip.includes(':'));
  const sorted = [...sameFamily].sort((a, b) => (a.address === b.address ? a.port - b.port : a.address < b.address ? -1 : 1));
  return [{ vip, network, protocol: kernelProtocol, port, backends: sorted }];
}

function membersOf(config: ConfigIndex, listener: LoadbalancerListener): readonly LoadbalancerMember[] {
  return config
    .referrers<LoadbalancerPool>(listener.uuid, 'loadbalancer-pool')
    .flatMap((pool) => config.children<LoadbalancerMember>(pool.uuid, 'loadbalancer-member'))
    .filter((member) => member.loadbalancer_member_properties?.admin_state !== false);
}

type BackendRule = (member: LoadbalancerMember, balancer: Loadbalancer, vipNetwork: InstanceId) => readonly Backend[];

function backendRule(config: ConfigIndex, context: ServiceContext): BackendRule {
  const isPodAddress = cidrList(context.networks.flatMap(({ subnets }) => subnets));
  const owners = new Map<string, InstanceId>();
  for (const { address, network } of context.remotes) owners.set(address, network);
  for (const { addresses, network } of context.ports) for (const address of addresses) owners.set(address, network);
  const byUuid = new Map(context.networks.map((network) => [network.uuid, network]));
  const passes = new Set(context.passages.map(({ from, to }) => `${from} ${to}`));
  const openToAll = (vipNetwork: InstanceId, backend: InstanceId): boolean =>
    context.passages.every(({ from, to }) => to !== vipNetwork || passes.has(`${from} ${backend}`));

  return (member, balancer, vipNetwork) => {
    const { address, protocol_port: port } = member.loadbalancer_member_properties ?? {};
    if (port === undefined) return [];
    const vmiUuid = annotationOf(member, 'vmi');
    if (vmiUuid === undefined) {
      if (address === undefined || isSpecialAddress(address)) return [];
      const owner = owners.get(address);
      if (owner === undefined) return isPodAddress(address) ? [] : [{ address, port, network: context.fabric }];
      return openToAll(vipNetwork, owner) ? [{ address, port, network: owner }] : [];
    }
    const vmi = config.get<VirtualMachineInterface>(vmiUuid);
    const network = vmi && byUuid.get(config.targets<VirtualNetwork>(vmi, 'virtual-network')[0]?.uuid ?? '');
    if (vmi === undefined || network === undefined || network.overlapping) return [];
    if (projectOf(vmi) !== projectOf(balancer) && !openToAll(vipNetwork, network.id)) return [];
    const own = addressesOf(config, vmi.uuid);
    const chosen = address === undefined ? own : own.filter((candidate) => candidate === address);
    return chosen.map((found) => ({ address: found, port, network: network.id }));
  };
}

function projectOf(object: ContrailObject): string {
  return object.fq_name.slice(0, 2).join(':');
}

function vipOf(balancer: Loadbalancer): readonly string[] {
  const address = balancer.loadbalancer_properties?.vip_address;
  return address === undefined || address === '' ? [] : [address];
}
