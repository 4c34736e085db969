/**
 * Marks. A packet's mark is `MAGIC` and its routing instance, so that marks of other software are never taken for ours;
 * bit 15 says that the instance's addresses overlap with others'. A connection's mark is the pair of source and
 * destination instance, or the source alone while a new flow is being judged. Pure.
 */
import type { InstanceId, Network } from '../model.ts';

/** The upper half of every packet mark of ours; the lower half is the instance. */
export const MAGIC = 0x4f430000;
/** The same on an outer (VXLAN) packet, which no rule of ours may route. */
const OUTER_MAGIC = 0x4f440000;
const OVERLAPPING = 0x8000;
/** Bit 31 of a connection mark: a pair, not a lone source. */
const PAIR = 0x80000000;

/** The source of flows from the node itself to its own pods, which kubelet may always probe. */
export const HOST_TO_OWN_PODS = 0x4f450000;

export interface Marks {
  /** The packet mark of an instance, in hexadecimal. */
  readonly of: (id: InstanceId) => string;
  readonly outerOf: (id: InstanceId) => string;
  readonly isOverlapping: (id: InstanceId) => boolean;
  /** The connection mark of a flow from one instance to another. */
  readonly pair: (from: InstanceId, to: InstanceId) => string;
}

/** The marks of a set of networks. */
export function marksOf(networks: readonly Network[]): Marks {
  const overlapping = new Set(networks.filter((network) => network.overlapping).map(({ id }) => id));
  const low = (id: InstanceId): number => (overlapping.has(id) ? id | OVERLAPPING : id);
  return {
    of: (id) => hex(MAGIC + low(id)),
    outerOf: (id) => hex(OUTER_MAGIC + low(id)),
    isOverlapping: (id) => overlapping.has(id),
    pair: (from, to) => hex(PAIR + from * 0x8000 + to),
  };
}

/** Thirty-two bits as nft prints them. */
export function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}
