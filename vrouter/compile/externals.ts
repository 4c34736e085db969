/**
 * Networks outside at an interface of nodes (`provider_properties`): which addresses are theirs, and which nodes have the interface, by
 * what these say on their virtual routers. Pure.
 */
import { fqNameText } from '../../contrail/objects.ts';
import type { FloatingIp, IpamSubnet, Reference, VirtualNetwork, VirtualRouter } from '../../contrail/objects.ts';
import { interfaceOf, interfacesOf } from '../../contrail/provider.ts';
import { cidrList } from '../../runtime/cidr.ts';
import { familyOf } from '../linux/family.ts';
import type { ForwardingState } from '../model.ts';
import type { Announcement, ExternalNetwork } from '../model/edges.ts';
import type { ConfigIndex } from './index-config.ts';
import { referencesOf } from './index-config.ts';

export interface Externals {
  /** The networks, in the order of their ids, and what this node says of its interfaces, where that is of concern. */
  readonly state: Pick<ForwardingState, 'externals' | 'attachment'>;
  /** Underlay addresses of the nodes that have each interface. */
  readonly having: readonly (readonly [interfaceName: string, nodes: readonly string[]])[];
  /** The one that a floating IP's address is of; absent where that is the fabric's. */
  readonly of: (floating: FloatingIp) => ExternalNetwork | undefined;
  /** Of these underlay addresses those of nodes that have a network's interface; all, where it is the fabric's. */
  readonly nodesAt: (network: ExternalNetwork | undefined, nodes: readonly string[]) => readonly string[];
}

/** All of them that have a number, as `node` sees them. */
export function compileExternals(config: ConfigIndex, node: string): Externals {
  const networks = config
    .all('virtual-network')
    .flatMap((network) => externalOf(network))
    .sort((a, b) => a.id - b.id);
  const byName = new Map(networks.map((network) => [network.name, network]));
  const routers = config.all('virtual-router');
  const own = routers.find(({ fq_name: name }) => name.at(-1) === node);
  const having = nodesByInterface(networks.length === 0 ? [] : routers);
  return {
    state: { externals: networks, ...attachmentOf(own, networks.length > 0) },
    having: [...having].map(([name, nodes]) => [name, [...nodes].sort()]),
    // A floating IP is in a pool, and that in its network.
    of: ({ fq_name: name }) => byName.get(fqNameText(name.slice(0, -2))),
    nodesAt: (network, nodes) =>
      network === undefined ? nodes : nodes.filter((each) => having.get(network.interface)?.has(each) === true),
  };
}

/** An address outside the cluster, and its network where that is at an interface of nodes. */
export interface Entrance {
  readonly address: string;
  readonly external: ExternalNetwork | undefined;
}

/** That of these nodes, by their underlay addresses, one answers for an address: one that can. */
export function announcementOf(
  { address, external }: Entrance,
  nodes: readonly string[],
  { nodesAt }: Externals,
): Announcement {
  return { address, nodes: nodesAt(external, nodes), ...placeOfAddress(external, address) };
}

/** Where the address of a floating IP is announced, for a network of the outside's at an interface. */
function placeOfAddress(
  network: ExternalNetwork | undefined,
  address: string,
): Pick<Announcement, 'at'> | Record<string, never> {
  if (network === undefined) return {};
  const subnet = network.subnets.find((cidr) => familyOf(cidr) === familyOf(address) && cidrList([cidr])(address));
  return { at: { interface: network.interface, ...(subnet === undefined ? {} : { subnet }) } };
}

/** Whether a network is one of these, and so none of pods. */
export function isExternal(network: VirtualNetwork): boolean {
  return interfaceOf(network) !== undefined;
}

function externalOf(network: VirtualNetwork): readonly ExternalNetwork[] {
  const [name, id] = [interfaceOf(network), network.virtual_network_network_id];
  if (name === undefined || id === undefined) return [];
  // The link's attribute is a VnSubnetsType by the schema.
  const references = referencesOf(network, 'network-ipam') as readonly Reference<{
    ipam_subnets?: readonly IpamSubnet[];
  }>[];
  const subnets = references.flatMap(({ attr }) => attr?.ipam_subnets ?? []);
  const gateways = subnets.flatMap(({ default_gateway: gateway }) => (isAddress(gateway) ? [gateway] : []));
  return [
    {
      id,
      name: fqNameText(network.fq_name),
      // No node has one of another form.
      interface: INTERFACE.test(name) ? name : '',
      subnets: subnets.map(({ subnet }) => `${subnet.ip_prefix}/${subnet.ip_prefix_len}`).sort(),
      gateways: ['4', '6'].flatMap((family) => gateways.find((each) => familyOf(each) === family) ?? []),
    },
  ];
}

/** Names that need no care where they are written into rules; and no machine's loopback, nor pods' interfaces. */
const INTERFACE = /^(?!lo$|tap)[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$/;

/** A subnet without a gateway has `0.0.0.0` in Contrail. */
function isAddress(gateway: string | null | undefined): gateway is string {
  return Boolean(gateway) && gateway !== '0.0.0.0' && gateway !== '::';
}

/** Of no concern where no network asks, and the node says nothing. */
function attachmentOf(own: VirtualRouter | undefined, isAsked: boolean): Pick<ForwardingState, 'attachment'> {
  const interfaces = own === undefined ? [] : interfacesOf(own).toSorted();
  if (own === undefined || (!isAsked && interfaces.length === 0)) return {};
  return { attachment: { router: own.uuid, interfaces } };
}

function nodesByInterface(routers: readonly VirtualRouter[]): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  for (const router of routers) {
    const address = router.virtual_router_ip_address;
    if (address === undefined) continue;
    for (const name of interfacesOf(router)) found.set(name, (found.get(name) ?? new Set()).add(address));
  }
  return found;
}
