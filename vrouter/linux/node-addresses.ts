/** A node's addresses by family, and the ones by which others know flows of its pods whose own addresses mean something else to them. Pure. */
import { ipv4Groups } from './address-value.ts';
import { familyOf } from './family.ts';

interface Addressed {
  readonly address?: string;
  readonly address6?: string;
}

/** The address that a node has in a family. */
export function nodeAddress({ address, address6 }: Addressed, family: '4' | '6'): string | undefined {
  return [address, address6].find((each) => each !== undefined && familyOf(each) === family);
}

/**
 * The address under which a node's pods of overlapping networks go to others (facts 1.8). A node without IPv6 has a unique-local
 * one for this (RFC 4193), made of its IPv4 address, that leads to it through the tunnel alone; the other way round there is none.
 */
export function maskingAddress(node: Addressed, family: '4' | '6'): string | undefined {
  const own = nodeAddress(node, family);
  const other = nodeAddress(node, '4');
  if (own !== undefined || family === '4' || other === undefined) return own;
  return `${MASKING_PREFIX}:${ipv4Groups(other)}`;
}

/** Its own addresses, of both families. */
export function nodeAddresses({ address, address6 }: Addressed): readonly string[] {
  return [...new Set([address, address6].filter((each) => each !== undefined))];
}

/** All addresses by which pods may know a node. */
export function knownAddresses(node: Addressed): readonly string[] {
  const masking = maskingAddress(node, '6');
  return [...new Set([...nodeAddresses(node), ...(masking === undefined ? [] : [masking])])];
}

const MASKING_PREFIX = 'fd6f:6370:6e69:1:';
