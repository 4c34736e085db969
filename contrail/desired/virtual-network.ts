/** What a VirtualNetwork becomes: a network with subnets of its own, which may overlap with others', and its ipam. Pure. */
import ipaddr from 'ipaddr.js';
import { uuidOf } from '../names.ts';
import type { ContrailObject, IpamSubnet } from '../objects.ts';
import { inProject, type Naming, ownerFor } from './owner.ts';

export interface VirtualNetworkInput {
  readonly namespace: string;
  readonly name: string;
  readonly subnets: readonly SubnetInput[];
  readonly snat: boolean;
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
 * service access attach their own. Throws a `RangeError` for a subnet whose pools are excluded whole.
 */
export function desiredVirtualNetwork(input: VirtualNetworkInput, naming: Naming): readonly ContrailObject[] {
  const { namespace, name } = input;
  const { virtualNetwork, virtualNetworkIpam } = naming.names;
  const owner = ownerFor({ kind: 'VirtualNetwork', namespace, name }, naming);
  const [fqName, ipam] = [virtualNetwork(namespace, name), virtualNetworkIpam(namespace, name)];
  const attr = { ipam_subnets: input.subnets.map(subnetOf) };
  return [
    inProject({ type: 'network-ipam', uuid: uuidOf('network-ipam', ipam), fqName: ipam }, owner, {
      display_name: ipam.at(-1),
      ipam_subnet_method: 'user-defined-subnet',
    }),
    inProject({ type: 'virtual-network', uuid: uuidOf('virtual-network', fqName), fqName }, owner, {
      display_name: name,
      address_allocation_mode: 'user-defined-subnet-only',
      virtual_network_properties: { forwarding_mode: 'l3' },
      fabric_snat: input.snat,
      network_ipam_refs: [{ to: ipam, attr }],
    }),
  ];
}

function subnetOf(subnet: SubnetInput): IpamSubnet {
  const [prefix = '', length = ''] = subnet.cidr.split('/');
  const pools = poolsOf(subnet);
  return {
    subnet: { ip_prefix: prefix, ip_prefix_len: Number(length) },
    ...(subnet.gateway === undefined ? {} : { default_gateway: subnet.gateway }),
    ...(pools === undefined ? {} : { allocation_pools: pools }),
  };
}

interface Span {
  readonly first: bigint;
  readonly last: bigint;
}

/** Contrail knows pools only: what is excluded is cut out of them, or out of the whole subnet. */
export function poolsOf({ cidr, allocationPools = [], excluded = [] }: SubnetInput): readonly Range[] | undefined {
  if (allocationPools.length === 0 && excluded.length === 0) return undefined;
  const whole = spanOfCidr(cidr);
  let spans = allocationPools.length === 0 ? [whole] : allocationPools.map(spanOf);
  for (const hole of excluded.map(spanOf)) spans = spans.flatMap((span) => without(span, hole));
  if (spans.length === 0) throw new RangeError(`subnet ${cidr}: every address of its pools is excluded`);
  const v6 = cidr.includes(':');
  return spans.map(({ first, last }) => ({ start: textOf(first, v6), end: textOf(last, v6) }));
}

function without(span: Span, hole: Span): readonly Span[] {
  if (hole.last < span.first || hole.first > span.last) return [span];
  const before = { first: span.first, last: hole.first - 1n };
  const after = { first: hole.last + 1n, last: span.last };
  return [before, after].filter(({ first, last }) => first <= last);
}

function spanOf({ start, end }: Range): Span {
  return { first: valueOf(start), last: valueOf(end) };
}

/** Without the network's and the broadcast address of IPv4, which are nobody's. */
function spanOfCidr(cidr: string): Span {
  const [prefix = '', length = ''] = cidr.split('/');
  const v6 = prefix.includes(':');
  const size = 1n << BigInt((v6 ? 128 : 32) - Number(length));
  const first = (valueOf(prefix) / size) * size;
  const edge = size > 2n ? 1n : 0n;
  return { first: first + edge, last: first + size - 1n - (v6 ? 0n : edge) };
}

function valueOf(address: string): bigint {
  return ipaddr
    .parse(address)
    .toByteArray()
    .reduce((value, byte) => value * 256n + BigInt(byte), 0n);
}

function textOf(value: bigint, v6: boolean): string {
  const bytes = Array.from({ length: v6 ? 16 : 4 }, (_, index) =>
    Number((value >> BigInt(8 * index)) & 255n),
  ).reverse();
  return ipaddr.fromByteArray(bytes).toString();
}
