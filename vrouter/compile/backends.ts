/**
 * Which back ends a load balancer's members stand for. A source that may reach the virtual address's network may reach its
 * back ends, but only those of the service's own project: else whoever may write an EndpointSlice could name another
 * tenant's pod. Pure.
 */
import { annotationOf } from '../../contrail/objects.ts';
import type { ContrailObject, Loadbalancer, LoadbalancerMember } from '../../contrail/objects.ts';
import { cidrList } from '../../runtime/cidr.ts';
import type { InstanceId, Network, Passage, Port, Remote } from '../model/networks.ts';
import type { Backend } from '../model/services.ts';
import { isSpecialAddress } from './special-address.ts';
import { addressesOf } from './endpoints.ts';
import type { NotingIndex } from './memory.ts';

export interface BackendContext {
  readonly networks: readonly Network[];
  readonly fabric: InstanceId;
  readonly passages: readonly Passage[];
  readonly ports: readonly Port[];
  readonly remotes: readonly Remote[];
  /** UUIDs of members, and of interfaces, that have been asked and are not well. */
  readonly unhealthy: ReadonlySet<string>;
}

export type BackendRule = (
  member: LoadbalancerMember,
  balancer: Loadbalancer,
  vipNetwork: InstanceId,
) => readonly Backend[];

/** The back ends that a member stands for: an interface's addresses, or an address of its own. */
export function backendRule(config: NotingIndex, context: BackendContext): BackendRule {
  const byUuid = new Map(context.networks.map((network) => [network.uuid, network]));
  const isOpen = openness(context.passages);
  const ownerOf = addressOwners(context);

  const ofAddress = (address: string | undefined, vipNetwork: InstanceId): readonly Omit<Backend, 'port'>[] => {
    // Whose it is depends on every pod.
    config.noteUnknown();
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
    if (vmi === undefined || network === undefined) return [];
    if (projectOf(vmi) !== projectOf(balancer) && !isOpen(vipNetwork, network.id)) return [];
    const apart = network.overlapping ? ({ overlapping: true } as const) : {};
    return addressesOf(config, uuid).map((address) => ({ address, network: network.id, ...apart }));
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
    if (context.unhealthy.has(member.uuid) || context.unhealthy.has(vmi ?? '')) return [];
    return found.map((backend) => ({ ...backend, port }));
  };
}

/** Whether everybody who may reach a virtual address's network, be it in part, may reach another network by itself, and all of it. */
function openness(passages: readonly Passage[]): (vipNetwork: InstanceId, backend: InstanceId) => boolean {
  const known = new Set(passages.filter(({ limits }) => limits === undefined).map(({ from, to }) => `${from} ${to}`));
  return (vipNetwork, backend) =>
    passages.every(({ from, to }) => to !== vipNetwork || known.has(`${from} ${backend}`));
}

/** The network of an address: a pod's, or the fabric for a machine's; none for an address of pods that no pod here has. */
function addressOwners({
  networks,
  fabric,
  ports,
  remotes,
}: Omit<BackendContext, 'unhealthy'>): (address: string) => InstanceId | undefined {
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
