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

/** Loopback, link-local, multicast and unspecified addresses, which no service may name as a back end (as in Kubernetes). */
export const isSpecialAddress = cidrList([
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/127',
  'fe80::/10',
  'ff00::/8',
]);

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv6(address) ? 'ipv6' : 'ipv4';
}
