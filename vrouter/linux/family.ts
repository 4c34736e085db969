/** The two address families, as names of sets and maps end with them. Pure. */

/** The family of an address or CIDR. */
export function familyOf(address: string): '4' | '6' {
  return address.includes(':') ? '6' : '4';
}

/** Everything of a family, for routes; in halves, since a default of ours is always unreachable. */
export const HALVES = { '4': ['0.0.0.0/1', '128.0.0.0/1'], '6': ['::/1', '8000::/1'] } as const;

/** An address as the prefix of it alone. */
export function hostPrefix(address: string): string {
  return `${address}/${familyOf(address) === '4' ? 32 : 128}`;
}
