/** Addresses and prefixes, both families, by Node's own BlockList. Pure. */
import { BlockList, isIPv6 } from 'node:net';

/** A test of whether an address lies in any of the CIDRs. */
export function cidrList(cidrs: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const cidr of new Set(cidrs)) {
    const [prefix = '', length = ''] = cidr.split('/');
    list.addSubnet(prefix, Number(length), familyOf(prefix));
  }
  return (address) => list.check(address, familyOf(address));
}

/** Whether two CIDRs have an address in common: then one holds the other's first. */
export function cidrsOverlap(a: string, b: string): boolean {
  return cidrList([a])(withoutLength(b)) || cidrList([b])(withoutLength(a));
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv6(address) ? 'ipv6' : 'ipv4';
}

/** An address without the length that may follow it. */
export function withoutLength(address: string): string {
  return address.split('/')[0] ?? address;
}
