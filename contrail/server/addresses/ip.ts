/** Addresses as numbers. Text goes through ipaddr.js, so that one form is canonical everywhere. Pure. */
import ipaddr from 'ipaddr.js';
import { addressText, addressValue } from '../../../runtime/addresses.ts';

export type Family = 4 | 6;

export interface Address {
  readonly family: Family;
  readonly value: bigint;
}

/** A network: `base` is its first address, `size` the number of its addresses. */
export interface Network {
  readonly family: Family;
  readonly base: bigint;
  readonly length: number;
  readonly size: bigint;
}

/** An address from its text, or `undefined` for anything else. */
export function parseAddress(text: unknown): Address | undefined {
  if (typeof text !== 'string') return undefined;
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return { family: 4, value: addressValue(text) };
  if (text.includes(':') && !text.includes('%') && ipaddr.IPv6.isValid(text)) {
    return { family: 6, value: addressValue(text) };
  }
  return undefined;
}

/** The canonical text: dotted, or RFC 5952. */
export function formatAddress(family: Family, value: bigint): string {
  return addressText(value, family === 4 ? 32 : 128);
}

/** The network that an address and a prefix length name, host bits masked; `undefined` where they name none. */
export function parseNetwork(prefix: unknown, length: unknown): Network | undefined {
  const address = parseAddress(prefix);
  const bits = typeof length === 'string' ? Number.parseInt(length, 10) : length;
  if (address === undefined || typeof bits !== 'number' || !Number.isInteger(bits)) return undefined;
  const width = address.family === 4 ? 32 : 128;
  if (bits < 0 || bits > width) return undefined;
  const size = 1n << BigInt(width - bits);
  return { family: address.family, base: address.value - (address.value % size), length: bits, size };
}

/** `10.0.0.0/8`. */
export function networkText(network: Network): string {
  return `${formatAddress(network.family, network.base)}/${network.length}`;
}

export function contains(network: Network, address: Address): boolean {
  return (
    address.family === network.family && address.value >= network.base && address.value < network.base + network.size
  );
}

export function overlaps(a: Network, b: Network): boolean {
  return a.family === b.family && a.base < b.base + b.size && b.base < a.base + a.size;
}

/** Eight 16-bit words, highest first. */
export function wordsOf(value: bigint): number[] {
  return Array.from({ length: 8 }, (_, index) => Number((value >> BigInt(112 - 16 * index)) & 0xffffn));
}
