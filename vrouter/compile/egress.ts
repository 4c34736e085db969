/**
 * Logical routers (facts 7.2): a floating IP on a router's port is the address under which the port's network goes outside. One node
 * translates, the same for all of the network's pods, so that the address is one and stays: the nodes choose it alike among those
 * that live, and it answers for the address. Pure.
 */
import { holderOf } from '../../contrail/rendezvous.ts';
import { familyOf } from '../linux/family.ts';
import type { Announcement, EgressAddress, ExternalNetwork } from '../model/edges.ts';
import type { Network, Peer } from '../model/networks.ts';
import { announcementOf, type Entrance, type Externals } from './externals.ts';
import type { ConfigIndex } from './index-config.ts';

interface EgressContext {
  readonly networks: readonly Network[];
  /** Every node that has an address, this one among them. */
  readonly nodes: readonly Peer[];
  readonly node: string;
  /** Names of nodes that are silent. */
  readonly dead: ReadonlySet<string>;
  readonly externals: Externals;
}

interface Egress {
  readonly egress: readonly EgressAddress[];
  readonly announcements: readonly Announcement[];
}

/**
 * The addresses of networks that have a router, by network and family; of several routers the first counts, with all of its addresses. Where
 * no node can translate for an address at an interface, each does for its own pods, and these have no way there.
 */
export function compileEgress(config: ConfigIndex, context: EgressContext): Egress {
  const { networks, nodes, node, dead, externals } = context;
  const byUuid = new Map(networks.map((network) => [network.uuid, network]));
  const able = nodes.filter(({ name }) => name === node || !dead.has(name)).map(({ address }) => address);
  const own = nodes.find(({ name }) => name === node)?.address;
  const found: Unplaced[] = [];
  const routers = new Map<string, string>();
  const places = new Map<string, ExternalNetwork | undefined>();
  for (const { address, uuid, port, external } of routedNetworks(config, externals)) {
    const network = byUuid.get(uuid);
    const holder = holderOf(address, externals.nodesAt(external, able)) ?? (external === undefined ? undefined : own);
    if (network === undefined || holder === undefined) continue;
    const key = `${uuid} ${familyOf(address)}`;
    if (routers.get(key) !== port && routers.has(key)) continue;
    routers.set(key, port);
    found.push({ address, network: network.id, ...wayBy(holder, own, external) });
    places.set(address, external);
  }
  const all = nodes.map(({ address }) => address).sort();
  return {
    egress: placed(found.sort((a, b) => a.network - b.network || (a.address < b.address ? -1 : 1))),
    announcements: [...places]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([address, external]) => announcementOf({ address, external }, all, externals)),
  };
}

function wayBy(
  holder: string,
  own: string | undefined,
  external: ExternalNetwork | undefined,
): Pick<EgressAddress, 'via' | 'external'> {
  return {
    ...(holder === own ? {} : { via: holder }),
    ...(external === undefined ? {} : { external: external.id }),
  };
}

type Unplaced = Omit<EgressAddress, 'index'>;

/** With each one's place among those of its network and family. */
function placed(all: readonly Unplaced[]): readonly EgressAddress[] {
  const counts = new Map<string, number>();
  return all.map((each) => {
    const key = `${each.network} ${familyOf(each.address)}`;
    const index = counts.get(key) ?? 0;
    counts.set(key, index + 1);
    return { ...each, index };
  });
}

interface RoutedNetwork extends Entrance {
  readonly uuid: string;
  /** The router's in the network. */
  readonly port: string;
}

/** Addresses on ports of routers, with the network of the port. */
function routedNetworks(config: ConfigIndex, externals: Externals): readonly RoutedNetwork[] {
  const ports = config.all('logical-router').flatMap((router) => config.targets(router, 'virtual-machine-interface'));
  return ports.flatMap((port) => {
    const [uuid] = config.uuids(port, 'virtual-network');
    if (uuid === undefined) return [];
    return config.referrers(port.uuid, 'floating-ip').flatMap((floating) => {
      const address = floating.floating_ip_address;
      return address === undefined ? [] : [{ address, uuid, port: port.uuid, external: externals.of(floating) }];
    });
  });
}
