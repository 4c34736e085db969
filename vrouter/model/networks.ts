/** Networks, their pods' interfaces, and what may pass between them. */

/** A routing instance: Contrail's `virtual_network_network_id`, which is both the VNI and the mark's low bits. */
export type InstanceId = number;

/** Whatever is neither pod, node nor service: a column of the reachability matrix that is no network. */
export const OUTSIDE: InstanceId = 0;

/** Another node of the cluster, or this one. `address` is the tunnel's end: IPv4 where the node has it, else IPv6. */
export interface Peer {
  readonly name: string;
  readonly address: string;
  /** Its IPv6 address, where it has one, `address` or another: pods reach it through the tunnel too. */
  readonly address6?: string;
}

export interface Network {
  readonly id: InstanceId;
  readonly uuid: string;
  /** The fully qualified name in its colon form. */
  readonly name: string;
  /** True when its addresses may occur in other networks too; such a network has a table and a zone of its own. */
  readonly overlapping: boolean;
  /** The underlay routes its addresses, which are unique then: `ip_fabric_forwarding`. So it does the fabric's own. */
  readonly forwarded?: true;
  /** Its own subnets, as CIDRs; for a flat network those of its IPAMs. */
  readonly subnets: readonly string[];
}

/** An interface of a pod on this node, as configured; it is plumbed once the port API has bound it to a host interface. */
export interface Port {
  readonly vmi: string;
  readonly vm: string;
  readonly vmName: string;
  readonly project: string;
  readonly network: InstanceId;
  readonly networkUuid: string;
  readonly networkName: string;
  readonly mac: string;
  readonly addresses: readonly string[];
  readonly annotations: readonly (readonly [key: string, value: string])[];
  /** Where the node itself reaches it, if its own address may be another's here. */
  readonly probe?: string;
}

/** An address of a pod on another node. */
export interface Remote {
  readonly address: string;
  readonly network: InstanceId;
  /** The other node's underlay address. */
  readonly node: string;
}

/**
 * How nodes' own packets find pods that only guides are sent (ADR 0009): this node leads others, or is led by a node with this name and
 * underlay address to whatever it does not know in these blocks.
 */
export type Guidance =
  | { readonly kind: 'guide' }
  | { readonly kind: 'led'; readonly guide: string; readonly by: string; readonly blocks: readonly string[] };

/** From the first to the last, both included. */
export type Span = readonly [first: number, last: number];

/** A box of traffic: IP protocols, and what their headers say of ports; whole for protocols that have none. */
export interface Traffic {
  readonly protocols: Span;
  readonly sourcePorts: Span;
  readonly destinationPorts: Span;
}

/** New flows may go from a network to another: one cell of the reachability matrix. */
export interface Passage {
  readonly from: InstanceId;
  readonly to: InstanceId;
  /** The traffic that may pass, in boxes of which no two have a packet in common; absent where all may. */
  readonly limits?: readonly Traffic[];
}
