/** Questions about subnets. Pure. */
import { BlockList, isIPv6 } from 'node:net';
import type { Subnet } from '../contrail/objects.ts';

/** The first of the subnets that an address lies in. */
export function subnetHolding(address: string, subnets: readonly Subnet[]): Subnet | undefined {
  return subnets.find((subnet) => holds(subnet, address));
}

/** Whether two subnets have an address in common: then one holds the other's first. */
export function overlap(a: Subnet, b: Subnet): boolean {
  return holds(a, b.ip_prefix) || holds(b, a.ip_prefix);
}

export function subnetText({ ip_prefix: prefix, ip_prefix_len: length }: Subnet): string {
  return `${prefix}/${length}`;
}

function holds({ ip_prefix: prefix, ip_prefix_len: length }: Subnet, address: string): boolean {
  if (isIPv6(prefix) !== isIPv6(address)) return false;
  const family = isIPv6(address) ? 'ipv6' : 'ipv4';
  const block = new BlockList();
  block.addSubnet(prefix, length, family);
  return block.check(address, family);
}
