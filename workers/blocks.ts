/** Blocks of addresses without others, as the CIDRs that are left. Pure. */
import ipaddr from 'ipaddr.js';
import type { Subnet } from '../contrail/objects.ts';
import { addressText, addressValue } from '../runtime/addresses.ts';

interface Block {
  readonly first: bigint;
  readonly length: number;
  /** Bits of an address of the family. */
  readonly bits: number;
}

/** The CIDRs of a block without others; what lies outside of it, or is of the other family, takes nothing. A text that is no CIDR is none. */
export function blockWithout(cidr: string, except: readonly string[]): readonly Subnet[] {
  const block = parse(cidr);
  if (block === undefined) return [];
  const holes = except.flatMap((text) => parse(text) ?? []).filter(({ bits }) => bits === block.bits);
  return left(block, holes).map(subnetOf);
}

function left(block: Block, holes: readonly Block[]): readonly Block[] {
  const near = holes.filter((hole) => covers(block, hole) || covers(hole, block));
  if (near.length === 0) return [block];
  if (near.some((hole) => covers(hole, block))) return [];
  const length = block.length + 1;
  const half = 1n << BigInt(block.bits - length);
  return [...left({ ...block, length }, near), ...left({ ...block, length, first: block.first + half }, near)];
}

function covers(outer: Block, inner: Block): boolean {
  return outer.length <= inner.length && trimmed(inner.first, outer) === outer.first;
}

function trimmed(value: bigint, { length, bits }: Pick<Block, 'length' | 'bits'>): bigint {
  const shift = BigInt(bits - length);
  return (value >> shift) << shift;
}

function parse(cidr: string): Block | undefined {
  if (!ipaddr.isValidCIDR(cidr)) return undefined;
  const [address, length] = ipaddr.parseCIDR(cidr);
  const bits = address.kind() === 'ipv4' ? 32 : 128;
  return { first: trimmed(addressValue(address.toString()), { length, bits }), length, bits };
}

function subnetOf({ first, length, bits }: Block): Subnet {
  return { ip_prefix: addressText(first, bits), ip_prefix_len: length };
}
