/** The two address families, as names of sets and maps end with them. Pure. */

/** The family of an address or CIDR. */
export function familyOf(address: string): '4' | '6' {
  return address.includes(':') ? '6' : '4';
}

/** An address as the prefix of it alone. */
export function hostPrefix(address: string): string {
  return `${address}/${familyOf(address) === '4' ? 32 : 128}`;
}
