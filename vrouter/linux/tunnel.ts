/** The tunnel between nodes, over IPv4 or IPv6, whichever the nodes' addresses are: the names of its ends, and the way into it. Pure. */
import { createHash } from 'node:crypto';
import { ipv4Groups } from './address-value.ts';
import { familyOf } from './family.ts';

/** The locally administered MAC address of a node's tunnel device: one of its own per node, since a receiver drops its own as a loop. */
export function tunnelMac(address: string): string {
  if (familyOf(address) === '6') return ['06', ...(digestOf(address).slice(0, 10).match(/../g) ?? [])].join(':');
  const bytes = address.split('.').map((part) => Number(part).toString(16).padStart(2, '0'));
  return ['02', '0c', ...bytes].join(':');
}

/** The tunnel's link-local address of a node: the next hop of IPv6 routes, and of all where the underlay is IPv6. */
export function tunnelLinkLocal(address: string): string {
  if (familyOf(address) === '6') return `fe80::d:${(digestOf(address).slice(0, 12).match(/..../g) ?? []).join(':')}`;
  return `fe80::c:${ipv4Groups(address)}`;
}

/** Where a packet goes in: from this node's address to another's, in a network, over the tunnel's device. */
interface TunnelRoute {
  readonly own: string;
  readonly node: string;
  readonly network: number;
  readonly device: string;
  /** The family of the prefix that the route is for. */
  readonly family: '4' | '6';
}

/** The words of a route into the tunnel, after its prefix. */
export function tunnelTo({ own, node, network, device, family }: TunnelRoute): string {
  const underlay = familyOf(node);
  // Over IPv6 a datagram without a checksum would be dropped.
  const encap = underlay === '4' ? 'encap ip' : 'encap ip6';
  const checksum = underlay === '4' ? '' : ' csum';
  const next = family === '6' ? tunnelLinkLocal(node) : underlay === '4' ? node : `inet6 ${tunnelLinkLocal(node)}`;
  return `${encap} id ${network} src ${own} dst ${node}${checksum} via ${next} dev ${device} onlink`;
}

/** An address has many forms in IPv6, but the API server and the kernel write the same one. */
function digestOf(address: string): string {
  return createHash('sha256').update(address).digest('hex');
}
