/** Questions about subnets. Pure. */
import type { Subnet, VirtualNetwork } from '../contrail/objects.ts';
import { cidrList, cidrsOverlap } from '../runtime/cidr.ts';
import { TerminalError } from '../runtime/errors.ts';
import type { ClusterSettings } from './cluster-settings.ts';

/** What `make` makes of subnets; one that gives no address away is its user's to mend. */
export function withAddresses<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw error instanceof RangeError ? new TerminalError('NoAddresses', error.message) : error;
  }
}

/** Networks on the cluster's flat address space give each address once. */
export function isFlat({ address_allocation_mode: mode }: VirtualNetwork): boolean {
  return mode?.startsWith('flat-subnet') === true;
}

/** The subnets of a network's own, or the cluster's, if it is on that space. */
export function subnetsOf(
  network: VirtualNetwork,
  { podSubnets }: Pick<ClusterSettings, 'podSubnets'>,
): readonly Subnet[] {
  if (isFlat(network)) return podSubnets;
  const { network_ipam_refs: references = [] } = network;
  return references.flatMap(({ attr }) => (attr?.ipam_subnets ?? []).map(({ subnet }) => subnet));
}

/** The first of the subnets that an address lies in. */
export function subnetHolding(address: string, subnets: readonly Subnet[]): Subnet | undefined {
  return subnets.find((subnet) => cidrList([subnetText(subnet)])(address));
}

/** Whether two subnets have an address in common. */
export function overlap(a: Subnet, b: Subnet): boolean {
  return cidrsOverlap(subnetText(a), subnetText(b));
}

/** Subnets, and those of CIDRs besides that have no address in common with an earlier one. */
export function joined(subnets: readonly Subnet[], cidrs: readonly string[]): readonly Subnet[] {
  return cidrs
    .map(subnetOfText)
    .reduce((all, next) => (all.some((each) => overlap(each, next)) ? all : [...all, next]), subnets);
}

function subnetOfText(cidr: string): Subnet {
  const [prefix = '', length = ''] = cidr.split('/');
  return { ip_prefix: prefix, ip_prefix_len: Number(length) };
}

export function subnetText({ ip_prefix: prefix, ip_prefix_len: length }: Subnet): string {
  return `${prefix}/${length}`;
}
