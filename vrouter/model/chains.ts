/** Where packets are led through services, or copied to an analyzer. */
import type { InstanceId, Passage, Traffic } from './networks.ts';

/** An interface of a service: of a pod here, or on another node. */
export interface ServiceEnd {
  readonly vmi: string;
  readonly addresses: readonly string[];
  /** The other node's underlay address. */
  readonly node?: string;
}

/** A pod that does a service's work. */
export interface ServiceInstance {
  readonly uuid: string;
  readonly left: ServiceEnd;
  readonly right: ServiceEnd;
}

/** One service of a chain, as Contrail's modes have it. */
export interface ChainedService {
  readonly name: string;
  readonly mode: 'in-network' | 'in-network-nat' | 'transparent';
  /** Those that may be sent to; with none, nothing passes. */
  readonly instances: readonly ServiceInstance[];
}

/** Everything between two networks passes these services: in order from left to right, in reverse on the way back. */
export interface ServiceChain {
  readonly left: InstanceId;
  readonly right: InstanceId;
  readonly services: readonly ChainedService[];
  /** Which flows may begin: from left to right, from right to left, or both. */
  readonly passages: readonly Passage[];
}

/** What passes a port of this node is copied to an analyzer. */
export interface Mirror {
  readonly vmi: string;
  readonly analyzer: string;
  /** Whether what the pod sends is copied, and what it is given. */
  readonly sent: boolean;
  readonly received: boolean;
  /** Of that the packets that are copied; all, where absent. */
  readonly only?: MirroredTraffic;
}

/** Packets to some addresses, or from them where they are given to the pod, of some traffic. */
interface MirroredTraffic {
  /** Addresses, CIDRs, and ranges (`first-last`), none within another. */
  readonly peers: readonly string[];
  readonly traffic: readonly Traffic[];
}
