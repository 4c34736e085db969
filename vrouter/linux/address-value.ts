/** Addresses as numbers, and back: arithmetic that prefixes cannot do. Pure. */
import { familyOf } from './family.ts';

/** An interval of addresses of one family, both ends included. */
export type AddressRange = readonly [first: bigint, last: bigint];

/** The addresses of a CIDR; host bits that are set do not count. */
export function rangeOf(cidr: string): AddressRange {
  const [prefix = '', length] = cidr.split('/');
  const bits = familyOf(cidr) === '4' ? 32n : 128n;
  const span = 1n << (bits - BigInt(length ?? bits));
  const first = (valueOf(prefix) / span) * span;
  return [first, first + span - 1n];
}

/** An address as a number. */
export function valueOf(address: string): bigint {
  return familyOf(address) === '4' ? ipv4Value(address) : ipv6Value(address);
}

/** The address of a number, as nft reads it. */
export function addressText(value: bigint, family: '4' | '6'): string {
  const [groups, base, separator] = family === '4' ? [4n, 8n, '.'] : [8n, 16n, ':'];
  const parts: string[] = [];
  for (let index = groups - 1n; index >= 0n; index -= 1n) {
    const part = (value >> (index * base)) & ((1n << base) - 1n);
    parts.push(part.toString(family === '4' ? 10 : 16));
  }
  return parts.join(separator);
}

function ipv4Value(address: string): bigint {
  return address.split('.').reduce((value, part) => value * 256n + BigInt(part), 0n);
}

function ipv6Value(address: string): bigint {
  const [head = '', tail] = withoutDotted(address).split('::');
  const left = groupsOf(head);
  const right = groupsOf(tail);
  const zeros = tail === undefined ? [] : Array<string>(8 - left.length - right.length).fill('0');
  return [...left, ...zeros, ...right].reduce((value, part) => value * 65_536n + BigInt(`0x${part}`), 0n);
}

/** `::ffff:192.0.2.1` with its last 32 bits in hexadecimal. */
function withoutDotted(address: string): string {
  return address.replace(/\d+\.\d+\.\d+\.\d+$/, ipv4Groups);
}

/** An IPv4 address as two groups of an IPv6 one: `c000:201`. */
export function ipv4Groups(address: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
  return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}

function groupsOf(text: string | undefined): readonly string[] {
  return text === undefined || text === '' ? [] : text.split(':');
}
