/**
 * Logical routers (facts 7.2): a floating IP on a router's port is the address under which the port's network goes outside. One node
 * translates, the same for all of the network's pods, so that the address is one and stays, and it answers for the address: the one that
 * is named for it, or, where nobody names any, one that the nodes choose alike among those that live. Pure.
 */
import { holderOf } from '../../contrail/rendezvous.ts';
import { familyOf } from '../linux/family.ts';
import { numbered } from '../linux/lanes.ts';
import { INDICES } from '../linux/marks.ts';
import { sharersOf } from '../linux/routed.ts';
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
  /** Names of the nodes that translate, by address; absent: chosen here. */
  readonly tenants: ReadonlyMap<string, string> | undefined;
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
  const { networks, nodes, node, externals } = context;
  const byUuid = new Map(networks.map((network) => [network.uuid, network]));
  const own = nodes.find(({ name }) => name === node)?.address;
  const place = createPlacement(context, own);
  const found: Unplaced[] = [];
  const routers = new Map<string, string>();
  const places = new Map<string, { readonly external: ExternalNetwork | undefined; readonly holder: string }>();
  for (const { address, uuid, port, external } of routedNetworks(config, externals)) {
    const network = byUuid.get(uuid);
    const holder = place({ address, external }) ?? (external === undefined ? undefined : own);
    if (network === undefined || holder === undefined) continue;
    const key = `${uuid} ${familyOf(address)}`;
    if (routers.get(key) !== port && routers.has(key)) continue;
    routers.set(key, port);
    found.push({ address, network: network.id, ...wayBy(holder, own, external) });
    places.set(address, { external, holder });
  }
  const all = nodes.map(({ address }) => address).sort();
  return {
    egress: placed(found.sort((a, b) => a.network - b.network || (a.address < b.address ? -1 : 1))),
    announcements: [...places]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([address, { external, holder }]) => ({
        ...announcementOf({ address, external }, all, externals),
        ...(context.tenants === undefined ? {} : { holder }),
      })),
  };
}

/** The underlay address of the node that translates for an address. One that nobody is named for yet is not at this node. */
function createPlacement(context: EgressContext, own: string | undefined): (at: Entrance) => string | undefined {
  const { nodes, node, dead, externals, tenants } = context;
  const addresses = new Map(nodes.map(({ name, address }) => [name, address]));
  const able = nodes.filter(({ name }) => name === node || !dead.has(name)).map(({ address }) => address);
  return ({ address, external }) => {
    const there = externals.nodesAt(external, able);
    if (tenants === undefined) return holderOf(address, there);
    const named = addresses.get(tenants.get(address) ?? '');
    const others = there.filter((each) => each !== own);
    return named ?? holderOf(address, others.length === 0 ? there : others);
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

/** With each one's number among those of its network and family. */
function placed(all: readonly Unplaced[]): readonly EgressAddress[] {
  const numbersOf = (some: readonly Unplaced[]): ReadonlyMap<string, number> =>
    numbered(
      some.map(({ address }) => address),
      INDICES,
    );
  const numbers = new Map([...Map.groupBy(all, sharersOf)].map(([sharers, some]) => [sharers, numbersOf(some)]));
  return all.map((each) => ({ ...each, index: numbers.get(sharersOf(each))?.get(each.address) ?? 0 }));
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
