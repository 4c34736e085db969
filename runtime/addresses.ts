/** IP addresses as numbers: what ranges and blocks are reckoned with. Both families go through ipaddr.js. Pure. */
import ipaddr from 'ipaddr.js';

/** An address as a number. Throws for a text that is no address. */
export function addressValue(address: string): bigint {
  const bytes = ipaddr.parse(address).toByteArray();
  return bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

/** The canonical text of an address: dotted, or RFC 5952. Throws for a text that is no address. */
export function canonicalAddress(address: string): string {
  return ipaddr.parse(address).toString();
}

/** The canonical text of a number of 32 or 128 bits: dotted, or RFC 5952. */
export function addressText(value: bigint, bits: number): string {
  const count = bits / 8;
  const bytes = Array.from({ length: count }, (_, index) => Number((value >> BigInt(8 * (count - 1 - index))) & 255n));
  return ipaddr.fromByteArray(bytes).toString();
}
