/**
 * Services from load balancer objects (facts 5.1). A source that may reach the virtual address's network may reach its
 * back ends, but only those of the service's own project: else whoever may write an EndpointSlice could name another
 * tenant's pod. Pure.
 */
import { annotationOf } from '../../contrail/objects.ts';
import type { ContrailObject, Loadbalancer, LoadbalancerListener, LoadbalancerMember } from '../../contrail/objects.ts';
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
  return config.all('loadbalancer').flatMap((balancer) => {
    const vmi = config.targets(balancer, 'virtual-machine-interface')[0];
    const network = vmi && byUuid.get(config.targets(vmi, 'virtual-network')[0]?.uuid ?? '');
    if (vmi === undefined || network === undefined || network.overlapping) return [];
    const vips = new Set([...addressesOf(config, vmi.uuid), ...vipOf(balancer)]);
    return config.referrers(balancer.uuid, 'loadbalancer-listener').flatMap((listener) => {
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
  const sorted = [...sameFamily].sort((a, b) =>
    a.address === b.address ? a.port - b.port : a.address < b.address ? -1 : 1,
  );
  return [{ vip, network, protocol: kernelProtocol, port, backends: sorted }];
}

function membersOf(config: ConfigIndex, listener: LoadbalancerListener): readonly LoadbalancerMember[] {
  return config
    .referrers(listener.uuid, 'loadbalancer-pool')
    .flatMap((pool) => config.members(pool.uuid))
    .filter((member) => member.loadbalancer_member_properties?.admin_state !== false);
}

type BackendRule = (member: LoadbalancerMember, balancer: Loadbalancer, vipNetwork: InstanceId) => readonly Backend[];

/** The back ends that a member stands for: an interface's addresses, or an address of its own. */
function backendRule(config: ConfigIndex, context: ServiceContext): BackendRule {
  const byUuid = new Map(context.networks.map((network) => [network.uuid, network]));
  const isOpen = openness(context.passages);
  const ownerOf = addressOwners(context);

  const ofAddress = (address: string | undefined, vipNetwork: InstanceId): readonly Omit<Backend, 'port'>[] => {
    const network = address === undefined || isSpecialAddress(address) ? undefined : ownerOf(address);
    if (address === undefined || network === undefined) return [];
    return network === context.fabric || isOpen(vipNetwork, network) ? [{ address, network }] : [];
  };
  const ofInterface = (
    uuid: string,
    balancer: Loadbalancer,
    vipNetwork: InstanceId,
  ): readonly Omit<Backend, 'port'>[] => {
    const vmi = config.get('virtual-machine-interface', uuid);
    const network = vmi && byUuid.get(config.targets(vmi, 'virtual-network')[0]?.uuid ?? '');
    if (vmi === undefined || network === undefined || network.overlapping) return [];
    if (projectOf(vmi) !== projectOf(balancer) && !isOpen(vipNetwork, network.id)) return [];
    return addressesOf(config, uuid).map((address) => ({ address, network: network.id }));
  };
  return (member, balancer, vipNetwork) => {
    const { address, protocol_port: port } = member.loadbalancer_member_properties ?? {};
    if (port === undefined) return [];
    const vmi = annotationOf(member, 'vmi');
    const found =
      vmi === undefined
        ? ofAddress(address, vipNetwork)
        : ofInterface(vmi, balancer, vipNetwork).filter(
            (backend) => address === undefined || backend.address === address,
          );
    return found.map((backend) => ({ ...backend, port }));
  };
}

/** Whether everybody who may reach a virtual address's network may reach another network by itself, too. */
function openness(passages: readonly Passage[]): (vipNetwork: InstanceId, backend: InstanceId) => boolean {
  const known = new Set(passages.map(({ from, to }) => `${from} ${to}`));
  return (vipNetwork, backend) =>
    passages.every(({ from, to }) => to !== vipNetwork || known.has(`${from} ${backend}`));
}

/** The network of an address: a pod's, or the fabric for a machine's; none for an address of pods that no pod here has. */
function addressOwners({
  networks,
  fabric,
  ports,
  remotes,
}: ServiceContext): (address: string) => InstanceId | undefined {
  const isPodAddress = cidrList(
    networks.filter(({ id, overlapping }) => id !== fabric && !overlapping).flatMap(({ subnets }) => subnets),
  );
  const flat = new Set(networks.filter(({ overlapping }) => !overlapping).map(({ id }) => id));
  const local = ports.flatMap(({ addresses, network }) => addresses.map((address) => ({ address, network })));
  const owners = new Map(
    [...remotes, ...local].filter(({ network }) => flat.has(network)).map(({ address, network }) => [address, network]),
  );
  return (address) => owners.get(address) ?? (isPodAddress(address) ? undefined : fabric);
}

function projectOf(object: ContrailObject): string {
  return object.fq_name.slice(0, 2).join(':');
}

function vipOf(balancer: Loadbalancer): readonly string[] {
  const address = balancer.loadbalancer_properties?.vip_address;
  return address === undefined || address === '' ? [] : [address];
}
