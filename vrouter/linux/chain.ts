/** How chains are written, and what all of them share. Pure. */
import type { PortPool } from '../model/edges.ts';
import type { Guidance, InstanceId } from '../model/networks.ts';
import { IS_OURS } from './marks.ts';
import { GROUPS } from './names.ts';

export interface SkeletonOptions {
  /** The tunnel device. */
  readonly device: string;
  readonly vxlanPort: number;
  /** This node's underlay address. */
  readonly address: string;
  /** Its IPv6 address, where it has one. */
  readonly address6?: string;
  /** The fabric's packet mark. */
  readonly fabricMark: string;
  /** Its instance. */
  readonly fabric: InstanceId;
  /** Its mark where the underlay routes. */
  readonly fabricWay: string;
  /** Whether any network's addresses overlap with others': only then a packet is asked for its zone. */
  readonly hasOverlapping: boolean;
  /** Whether any networks are joined by services: only then a packet is asked for its lane. */
  readonly hasChains: boolean;
  /** Whether networks outside are at interfaces of their own: only then a packet is asked whether it came in there. */
  readonly hasExternals: boolean;
  /** Whether networks have routers. */
  readonly hasRouters: boolean;
  /** Whether a network's router has several addresses of a family: only then a packet is asked for its share. */
  readonly sharesEgress: boolean;
  /** The ports under which pods go outside by this node's address. */
  readonly portPools: readonly PortPool[];
  /** Whether this node leads others' packets to pods, or is led; absent where nobody is. */
  readonly guidance?: Guidance['kind'];
  /** The interface of the underlay, where that routes networks: only then a packet of it is asked where it is from. */
  readonly underlay?: string;
}

export interface Family {
  readonly n: '4' | '6';
  readonly ip: 'ip' | 'ip6';
}

/** Matches of a pod's host-side interface and of the tunnel, as the way in and as the way out. */
export const POD = `iifgroup ${GROUPS.pods}`;
export const TO_POD = `oifgroup ${GROUPS.pods}`;
export const TUNNEL = `iifgroup ${GROUPS.tunnel}`;
export const TO_TUNNEL = `oifgroup ${GROUPS.tunnel}`;

/**
 * For what leaves: the tunnel's outer packet inherits the mark, must not be routed by it, and is not routed anew for each packet where it has
 * none (the kernel's `ip_tunnel_dst_cache_usable`).
 */
export const UNMARK = 'meta mark set 0';

/** For what comes in elsewhere, since marks of ours come from pods and the tunnel alone. */
export const FORGET_MARK = `meta mark != 0 ${IS_OURS} meta mark set 0`;

/** Known flows of the outside, and a new one that has been translated. */
export const ARRIVING = 'meta mark set ct mark map @arriving accept';

const FAMILIES: readonly Family[] = [
  { n: '4', ip: 'ip' },
  { n: '6', ip: 'ip6' },
];

/** The same lines for both families. */
export function perFamily(lines: (family: Family) => readonly string[]): readonly string[] {
  return FAMILIES.flatMap(lines);
}

/** Rules, or chains, that are there only where the cluster has what they are about: a new flow passes dozens. */
export function when(isThere: boolean, rules: readonly string[]): readonly string[] {
  return isThere ? rules : [];
}

/** A chain's text; without a hook it is one that others go to. */
export function chain(name: string, hook: string | undefined, rules: readonly string[]): string {
  const head = hook === undefined ? [] : [`  type ${hook}; policy accept;`];
  return [`chain ${name} {`, ...head, ...rules.map((rule) => `  ${rule}`), '}'].join('\n');
}
