/**
 * Marks. A packet's mark is `MAGIC` and its routing instance, so that marks of other software are never taken for ours;
 * bit 15 says that the instance's addresses overlap with others'. A connection's mark is the pair of source and
 * destination instance, or the source alone while a new flow is being judged. Pure.
 */
import type { InstanceId, Network } from '../model/networks.ts';
import { OUTSIDE } from '../model/networks.ts';

/** The upper half of every packet mark of ours; the lower half is the instance. */
export const MAGIC = 0x4f430000;
/** The same on an outer (VXLAN) packet that has come in, which no rule of ours may route. */
const OUTER_MAGIC = 0x4f440000;
/** The mark of what goes to the node that is its network's way outside; the lower half is a number of `routed.ts`. */
export const ROUTED_MAGIC = 0x4f470000;
/** The mark of what goes to a network that the underlay routes, from another one of these; the lower half is the network. */
export const FORWARDED_MAGIC = 0x4f480000;
/** The mark of what comes in, or goes out, at the interface of a network outside; the lower half is the network. */
export const EXTERNAL_MAGIC = 0x4f4b0000;
/** The mark of what a guide sends on. */
export const GUIDED = 0x4f490000;
/** All of ours: a packet that brings one of them along from elsewhere loses it. */
const OURS = { value: 0x4f400000, mask: 0xfff00000 } as const;
/** Holds for all of ours. */
export const IS_OURS = `meta mark & ${hex(OURS.mask)} == ${hex(OURS.value)}`;
/** What a packet has that is nobody's of ours, as an element, and as a selector of routing rules. */
export const NO_MARK = '0x00000000';
export const UNMARKED = `0/${hex(OURS.mask)}`;
/**
 * Marks of service chains; the lower half is a number of this node's. How a packet came in from a service, the stretch that it is on, the
 * same where its flow is nobody's here; an outer packet that has come in with one; and the interface of a service that it goes to. The last
 * two differ from other outer packets' in a bit each, so that one comparison finds all that is nobody's to judge.
 */
export const CHAINED = {
  entrance: 0x4f400000,
  lane: 0x4f410000,
  passing: 0x4f4a0000,
  outer: 0x4f4c0000,
  target: 0x4f4d0000,
} as const;
/** Holds for both kinds of outer packets that have come in. */
export const IS_OUTER = `meta mark & 0xfff70000 == ${hex(OUTER_MAGIC)}`;
/** Holds for these, and for what goes to a service. */
export const IS_OUTER_OR_STEERED = `meta mark & 0xfff60000 == ${hex(OUTER_MAGIC)}`;
const OVERLAPPING = 0x8000;
/** Bit 31 of a connection mark: a pair, not a lone source. */
const PAIR = 0x80000000;
/** Bit 30 besides: out under an address of the pod's own, or of its network's router. */
const FLOATING = 0x40000000;
/** Indices of a router's addresses are below this. */
export const INDICES = 4000;
/** Holds for these. */
export const IS_OF_OWN = `ct mark & ${hex(FLOATING)} != 0`;

/** The source of flows from the node itself to its own pods, which kubelet may always probe. */
export const HOST_TO_OWN_PODS = 0x4f450000;

export interface Marks {
  /** The packet mark of an instance, in hexadecimal. */
  readonly of: (id: InstanceId) => string;
  /** The mark by which a flow's packets go to `target`, one of its ends. */
  readonly way: (flow: Ends, target: InstanceId) => string;
  readonly outerOf: (id: InstanceId) => string;
  readonly isOverlapping: (id: InstanceId) => boolean;
  /** The connection mark of a flow from one instance to another. */
  readonly pair: (from: InstanceId, to: InstanceId) => string;
  /** That of a flow to the outside under a floating address. */
  readonly floatingPair: (from: InstanceId) => string;
  /** That of a flow to the outside by its network's router; each address has a node of its own. */
  readonly routedPair: (from: InstanceId, address: { readonly family: '4' | '6'; readonly index: number }) => string;
  /** That of a flow from the outside to an address that the underlay routes. */
  readonly inboundPair: (to: InstanceId) => string;
}

/** A flow's networks. */
interface Ends {
  readonly from: InstanceId;
  readonly to: InstanceId;
}

/** The instances of a connection's mark: both of a pair, or the source alone; `undefined` where the mark says nothing of it. */
export function instancesOf(mark: number): readonly [from: InstanceId | undefined, to: InstanceId | undefined] {
  const unsigned = mark >>> 0;
  if (unsigned >= PAIR) return [Math.floor((unsigned - PAIR) / 0x8000), unsigned % 0x8000];
  const isSource = [MAGIC, EXTERNAL_MAGIC].includes(unsigned - (unsigned % 0x10000));
  return [isSource ? unsigned % 0x8000 : undefined, undefined];
}

/** The marks of a set of networks. */
export function marksOf(networks: readonly Network[]): Marks {
  const overlapping = new Set(networks.filter((network) => network.overlapping).map(({ id }) => id));
  const forwarded = new Set(networks.filter((network) => network.forwarded).map(({ id }) => id));
  const low = (id: InstanceId): number => (overlapping.has(id) ? id | OVERLAPPING : id);
  return {
    of: (id) => hex(MAGIC + low(id)),
    way: ({ from, to }, target) =>
      forwarded.has(from) && forwarded.has(to) ? forwardedMark(target) : hex(MAGIC + low(target)),
    outerOf: (id) => hex(outerMark(low(id))),
    isOverlapping: (id) => overlapping.has(id),
    pair: pairOf,
    floatingPair: (from) => hex(PAIR + FLOATING + from * 0x8000 + OUTSIDE),
    routedPair: (from, { family, index }) => hex(PAIR + FLOATING + from * 0x8000 + Number(family) + 8 * index),
    inboundPair: (to) => hex(PAIR + FLOATING + OUTSIDE * 0x8000 + to),
  };
}

/** The connection mark of a flow from one instance to another. */
export function pairOf(from: InstanceId, to: InstanceId): string {
  return hex(PAIR + from * 0x8000 + to);
}

/** The mark of an outer packet that has come in with a flat network's number. */
export function outerMark(id: InstanceId): number {
  return OUTER_MAGIC + id;
}

/** The packet mark of an instance for what the underlay routes. */
export function forwardedMark(id: InstanceId): string {
  return hex(FORWARDED_MAGIC + id);
}

/** The packet mark of a network outside that is at an interface of its own. */
export function externalMark(id: InstanceId): string {
  return hex(EXTERNAL_MAGIC + id);
}

/** Thirty-two bits as nft prints them. */
export function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}
