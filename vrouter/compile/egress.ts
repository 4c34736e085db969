/**
 * Logical routers (facts 7.2): a floating IP on a router's port is the address under which the port's network goes outside. One node
 * translates, the same for all of the network's pods, so that the address is one and stays: the nodes choose it alike among those
 * that live, and it answers for the address. Pure.
 */
import { holderOf } from '../../contrail/rendezvous.ts';
import type { Announcement, EgressAddress, Network, Peer } from '../model.ts';
import type { ConfigIndex } from './index-config.ts';

interface EgressContext {
  readonly networks: readonly Network[];
  /** Every node that has an address, this one among them. */
  readonly nodes: readonly Peer[];
  readonly node: string;
  /** Names of nodes that are silent. */
  readonly dead: ReadonlySet<string>;
}

interface Egress {
  readonly egress: readonly EgressAddress[];
  readonly announcements: readonly Announcement[];
}

/** The addresses of networks that have a router, by network and family; of several routers the first counts. */
export function compileEgress(config: ConfigIndex, context: EgressContext): Egress {
  const { networks, nodes, node, dead } = context;
  const byUuid = new Map(networks.map((network) => [network.uuid, network]));
  const able = nodes.filter(({ name }) => name === node || !dead.has(name)).map(({ address }) => address);
  const own = nodes.find(({ name }) => name === node)?.address;
  const found = new Map<string, EgressAddress>();
  for (const { address, uuid } of routedNetworks(config)) {
    const network = byUuid.get(uuid);
    const key = `${uuid} ${address.includes(':')}`;
    const holder = holderOf(address, able);
    if (network === undefined || holder === undefined || found.has(key)) continue;
    found.set(key, { address, network: network.id, ...(holder === own ? {} : { via: holder }) });
  }
  const addresses = new Set([...found.values()].map(({ address }) => address));
  const all = nodes.map(({ address }) => address).sort();
  return {
    egress: [...found.values()].sort((a, b) => a.network - b.network || (a.address < b.address ? -1 : 1)),
    announcements: [...addresses].sort().map((address) => ({ address, nodes: all })),
  };
}

/** Addresses on ports of routers, with the network of the port. */
function routedNetworks(config: ConfigIndex): readonly { readonly address: string; readonly uuid: string }[] {
  const ports = config.all('logical-router').flatMap((router) => config.targets(router, 'virtual-machine-interface'));
  return ports.flatMap((port) => {
    const [uuid] = config.uuids(port, 'virtual-network');
    const addresses = config
      .referrers(port.uuid, 'floating-ip')
      .flatMap((floating) => floating.floating_ip_address ?? []);
    return uuid === undefined ? [] : addresses.map((address) => ({ address, uuid }));
  });
}
