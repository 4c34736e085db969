/** The MTU of pods on this node: the underlay's, less what VXLAN adds. */
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { vxlanOverheadBytes } from '../../runtime/vxlan.ts';

/** What IPv6 requires of every link (RFC 8200, section 5). */
const SMALLEST_MTU = 1280;

/**
 * Answers `configured` where it is above zero, else the MTU of the device that holds `nodeIp`, less the overhead. Reads /sys. A node may
 * be given another address while it runs, and a container is not told: the device that had it is the underlay's all the same.
 */
export function createPodMtu(configured: number, nodeIp: string): () => number {
  let device = deviceOf(nodeIp);
  return () => {
    if (configured > 0) return configured;
    device = deviceOf(nodeIp) ?? device;
    if (device === undefined) throw new Error(`no network device of this node has the address ${nodeIp}`);
    const mtu = Number(readFileSync(`/sys/class/net/${device}/mtu`, 'utf8'));
    return Math.max(SMALLEST_MTU, mtu - vxlanOverheadBytes(nodeIp));
  };
}

/** The device that holds an address, or `undefined`. */
export function deviceOf(address: string): string | undefined {
  const found = Object.entries(networkInterfaces()).find(([, entries]) =>
    entries?.some((entry) => entry.address === address),
  );
  return found?.[0];
}
