/** What a node's BIRD is made to do: plain data, compiled from BGPRouters and rendered by `bird/config.ts`. */

export type Family = '4' | '6';

/** Addresses that this node serves, by what they are of; the names are those of `spec.announce`. */
export interface Served {
  readonly FloatingIPs: readonly string[];
  readonly LogicalRouters: readonly string[];
  /** Pods of networks that the underlay routes. */
  readonly Pods: readonly string[];
  readonly Services: readonly string[];
}

/** One session with a router outside. */
export interface Session {
  /** The BGPRouter that asks for it. */
  readonly router: string;
  /** BIRD's name of it, which stays the same as long as router and address do: a new name is a new session. */
  readonly name: string;
  readonly family: Family;
  readonly localAsn: number;
  readonly address: string;
  readonly asn: number;
  readonly port: number;
  readonly password?: string;
  readonly multihop?: number;
  readonly bfd?: { readonly intervalMilliseconds: number; readonly multiplier: number };
  readonly holdSeconds: number;
  readonly gracefulRestartSeconds?: number;
  readonly announce: readonly (keyof Served)[];
  readonly communities: readonly string[];
  readonly learn?: { readonly prefixes?: readonly string[]; readonly limit: number };
}

export interface Speaker {
  readonly routerId: string;
  readonly served: Served;
  /** The cluster's own prefixes, which are never learnt. */
  readonly guarded: readonly string[];
  readonly sessions: readonly Session[];
}

/** A neighbor of a BGPRouter that this node has no session with, and why. */
export interface Problem {
  readonly router: string;
  readonly address: string;
  readonly reason: 'PasswordMissing' | 'PasswordRefused' | 'NeighborTaken';
  readonly message: string;
}
