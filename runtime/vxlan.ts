/** What the tunnel between nodes takes of a packet. Pure. */
import { isIPv6 } from 'node:net';

/** Bytes beside the pod's packet: inner Ethernet 14, UDP 8, VXLAN 8, and the outer header of the nodes' family, IPv4 20 or IPv6 40. */
export function vxlanOverheadBytes(nodeAddress: string): number {
  return isIPv6(nodeAddress) ? 70 : 50;
}
