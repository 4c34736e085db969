/** What a VirtualNetwork becomes: a network with subnets of its own, which may overlap with others', and its ipam. Pure. */
import { addressText, addressValue } from '../../runtime/addresses.ts';
import type { ContrailObject, IpamSubnet } from '../objects.ts';
import { type FabricFlags, fabricFields } from './fabric.ts';
import { subnetNetwork } from './network.ts';
import { type Naming, ownerFor } from './owner.ts';

export interface VirtualNetworkInput extends FabricFlags {
  readonly namespace: string;
  readonly name: string;
  readonly subnets: readonly SubnetInput[];
}

export interface SubnetInput {
  readonly cidr: string;
  readonly gateway?: string;
  readonly allocationPools?: readonly Range[];
  readonly excluded?: readonly Range[];
}

export interface Range {
  readonly start: string;
  readonly end: string;
}

/**
 * Everything under the key `VirtualNetwork/<namespace>/<name>`. The network's policies are not among it: connections and
 * service access attach their own. Throws a `RangeError` for a subnet that gives nothing away.
 */
export function desiredVirtualNetwork(input: VirtualNetworkInput, naming: Naming): readonly ContrailObject[] {
  const { namespace, name } = input;
  const { virtualNetwork, virtualNetworkIpam } = naming.names;
  const owner = ownerFor({ kind: 'VirtualNetwork', namespace, name }, naming);
  const [fqName, ipam] = [virtualNetwork(namespace, name), virtualNetworkIpam(namespace, name)];
  const subnets = input.subnets.map(subnetOf);
  return subnetNetwork({ fqName, ipam, name, subnets }, owner, fabricFields(input));
}

/** A subnet as Contrail writes it; without pools it gives away the whole of it, also where it had some before. */
export function subnetOf(subnet: SubnetInput): IpamSubnet {
  const [prefix = '', length = ''] = subnet.cidr.split('/');
  return {
    subnet: { ip_prefix: prefix, ip_prefix_len: Number(length) },
    ...(subnet.gateway === undefined ? {} : { default_gateway: subnet.gateway }),
    allocation_pools: poolsOf(subnet),
  };
}

interface Span {
  readonly first: bigint;
  readonly last: bigint;
}

/** Contrail knows pools only: what is excluded is cut out of them, or out of the whole subnet. None where nothing is said. */
export function poolsOf(subnet: SubnetInput): readonly Range[] {
  const { allocationPools = [], excluded = [] } = subnet;
  return allocationPools.length === 0 && excluded.length === 0 ? [] : givenAway(subnet);
}

/** The addresses that a subnet gives away. Throws a `RangeError` where a range is none, or all of them are excluded. */
export function givenAway({ cidr, allocationPools = [], excluded = [] }: SubnetInput): readonly Range[] {
  const whole = allocationPools.length === 0 ? [spanOfCidr(cidr)] : allocationPools.map((range) => spanOf(range, cidr));
  const holes = excluded.map((range) => spanOf(range, cidr)).sort((a, b) => (a.first < b.first ? -1 : 1));
  const spans = whole.flatMap((span) => without(span, holes));
  if (spans.length === 0) throw new RangeError(`subnet ${cidr}: every address of its pools is excluded`);
  const bits = cidr.includes(':') ? 128 : 32;
  return spans.map(({ first, last }) => ({ start: addressText(first, bits), end: addressText(last, bits) }));
}

/** Once through the holes, which are in order: a segment may have thousands of nodes. */
function without({ first, last }: Span, holes: readonly Span[]): readonly Span[] {
  const left: Span[] = [];
  let from = first;
  for (const hole of holes) {
    if (hole.first > last) break;
    if (hole.first > from) left.push({ first: from, last: hole.first - 1n });
    if (hole.last >= from) from = hole.last + 1n;
  }
  return from > last ? left : [...left, { first: from, last }];
}

function spanOf({ start, end }: Range, cidr: string): Span {
  const [first, last] = [addressValue(start), addressValue(end)];
  if (first > last)
    throw new RangeError(`subnet ${cidr}: the range ${start} to ${end} ends before it starts; swap them`);
  return { first, last };
}

/** Without the network's and the broadcast address of IPv4, which are nobody's. */
function spanOfCidr(cidr: string): Span {
  const [prefix = '', length = ''] = cidr.split('/');
  const v6 = prefix.includes(':');
  const size = 1n << BigInt((v6 ? 128 : 32) - Number(length));
  const first = (addressValue(prefix) / size) * size;
  const edge = size > 2n ? 1n : 0n;
  return { first: first + edge, last: first + size - 1n - (v6 ? 0n : edge) };
}
