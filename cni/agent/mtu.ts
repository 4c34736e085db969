/** The MTU of pods on this node: the underlay's, less what VXLAN adds. */
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { vxlanOverheadBytes } from '../../runtime/vxlan.ts';

/** What IPv6 requires of every link (RFC 8200, section 5). */
const SMALLEST_MTU = 1280;

/** `configured` where it is above zero, else the MTU of the device that holds `nodeIp`, less the overhead. Reads /sys. */
export function podMtu(configured: number, nodeIp: string): number {
  if (configured > 0) return configured;
  const device = deviceOf(nodeIp);
  if (device === undefined) throw new Error(`no network device of this node has the address ${nodeIp}`);
  const mtu = Number(readFileSync(`/sys/class/net/${device}/mtu`, 'utf8'));
  return Math.max(SMALLEST_MTU, mtu - vxlanOverheadBytes(nodeIp));
}

/** The device that holds an address, or `undefined`. */
export function deviceOf(address: string): string | undefined {
  const found = Object.entries(networkInterfaces()).find(([, entries]) =>
    entries?.some((entry) => entry.address === address),
  );
  return found?.[0];
}
