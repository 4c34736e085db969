/** How chains are written, and what all of them share. Pure. */
import { POD_INTERFACES } from './names.ts';

export interface SkeletonOptions {
  /** The tunnel device. */
  readonly device: string;
  readonly vxlanPort: number;
  /** This node's underlay address. */
  readonly address: string;
  /** The fabric's packet mark. */
  readonly fabricMark: string;
  /** Whether any network's addresses overlap with others': only then a packet is asked for its zone. */
  readonly hasOverlapping: boolean;
}

export interface Family {
  readonly n: '4' | '6';
  readonly ip: 'ip' | 'ip6';
}

/** Matches of a pod's host-side interface, as the way in and as the way out. */
export const POD = `iifname "${POD_INTERFACES}"`;
export const TO_POD = `oifname "${POD_INTERFACES}"`;

const FAMILIES: readonly Family[] = [
  { n: '4', ip: 'ip' },
  { n: '6', ip: 'ip6' },
];

/** The same lines for both families. */
export function perFamily(lines: (family: Family) => readonly string[]): readonly string[] {
  return FAMILIES.flatMap(lines);
}

/** A chain's text; without a hook it is one that others go to. */
export function chain(name: string, hook: string | undefined, rules: readonly string[]): string {
  const head = hook === undefined ? [] : [`  type ${hook}; policy accept;`];
  return [`chain ${name} {`, ...head, ...rules.map((rule) => `  ${rule}`), '}'].join('\n');
}
