/** Rules and routes of what the underlay routes: to the node of each pod, where that is on the same segment. Pure. */
import type { ForwardingState, Underlay } from '../model.ts';
import type { InstanceId, Peer } from '../model/networks.ts';
import { familyOf, hostPrefix } from './family.ts';
import { FORWARDED_MAGIC, forwardedMark, hex } from './marks.ts';
import { LOCAL_PREFERENCE, TABLES } from './names.ts';
import { nodeAddress, nodeAddresses } from './node-addresses.ts';

/** Before those of overlapping networks. */
const PREFERENCE = 1500;

/** What is marked looks here first; what has no way here takes the tunnel. The node's own packets look here, too. */
export function forwardedRules(fabric: InstanceId): readonly (readonly [preference: number, text: string])[] {
  const toNodes = `fwmark ${forwardedMark(fabric)}`;
  return [
    [PREFERENCE, `lookup ${TABLES.forwarded}`],
    [PREFERENCE + 1, `${toNodes} lookup ${TABLES.fabric}`],
    [PREFERENCE + 2, `${toNodes} goto ${LOCAL_PREFERENCE}`],
    [PREFERENCE + 3, `lookup ${TABLES.flat}`],
    [PREFERENCE + 4, `lookup ${TABLES.fabric}`],
    [PREFERENCE + 5, 'unreachable'],
    [HOST_PREFERENCE, `iif lo lookup ${TABLES.forwarded}`],
    [88, `fwmark ${hex(FORWARDED_MAGIC)}/0xffff0000 goto ${PREFERENCE}`],
    [80, `fwmark ${hex(FORWARDED_MAGIC)}/0xffff0000 iif lo goto ${HOST_PREFERENCE}`],
  ];
}

/** Where the node's own packets begin to look. */
export const HOST_PREFERENCE = 91;

interface Around {
  readonly state: Pick<ForwardingState, 'address' | 'address6' | 'peers' | 'remotes' | 'networks' | 'fabric'>;
  readonly underlay: Underlay;
}

/** A route for each pod elsewhere and each node that has answered on the segment. */
export function forwardedRoutes(around: Around): readonly { readonly prefix: string; readonly via: string }[] {
  const { state } = around;
  const ids = forwardedNetworks(state);
  if (ids.size === 0) return [];
  const pods = state.remotes.filter(({ network }) => ids.has(network));
  const nodes = state.peers.flatMap((peer) => nodeAddresses(peer).map((address) => ({ address, node: peer.address })));
  return [...pods, ...nodes].flatMap(({ address, node }) => {
    const family = familyOf(address);
    const hop = around.underlay.neighbours.has(address) ? address : nextHop(node, family, around);
    const source = nodeAddress(state, family);
    if (hop === undefined) return [];
    return [
      {
        prefix: hostPrefix(address),
        via: `via ${familyOf(hop) === family ? '' : 'inet6 '}${hop} dev ${around.underlay.device}${source === undefined ? '' : ` src ${source}`}`,
      },
    ];
  });
}

/** The networks that the underlay routes, without the fabric, which it does anyway. */
export function forwardedNetworks({
  networks,
  fabric,
}: Pick<ForwardingState, 'networks' | 'fabric'>): ReadonlySet<InstanceId> {
  return new Set(networks.filter(({ id, forwarded }) => forwarded && id !== fabric).map(({ id }) => id));
}

/** A node's address on the segment by which it is reached in a family: IPv4 goes by IPv6, too, but not the other way round. */
export function nextHop(node: string, family: '4' | '6', { state, underlay }: Around): string | undefined {
  const peer: Partial<Peer> = state.peers.find(({ address }) => address === node) ?? {};
  const able = nodeAddresses(peer).filter((address) => underlay.neighbours.has(address));
  return able.find((address) => familyOf(address) === family) ?? (family === '4' ? able[0] : undefined);
}
