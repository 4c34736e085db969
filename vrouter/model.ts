/** What one node forwards: plain data, compiled from config objects and rendered for the kernel (design 6). */

/** A routing instance: Contrail's `virtual_network_network_id`, which is both the VNI and the mark's low bits. */
export type InstanceId = number;

/** Another node of the cluster, or this one. `address` is IPv4: VXLAN's underlay. */
export interface Peer {
  readonly name: string;
  readonly address: string;
  /** Its IPv6 address, where it has one: pods reach it through the tunnel too. */
  readonly address6?: string;
}

export interface Network {
  readonly id: InstanceId;
  readonly uuid: string;
  /** The fully qualified name in its colon form. */
  readonly name: string;
  /** True when its addresses may occur in other networks too; such a network has a table and a zone of its own. */
  readonly overlapping: boolean;
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
}

/** An address of a pod on another node. */
export interface Remote {
  readonly address: string;
  readonly network: InstanceId;
  /** The other node's underlay address. */
  readonly node: string;
}

/** New flows may go from a network to another: one cell of the reachability matrix. A network always reaches itself. */
export interface Passage {
  readonly from: InstanceId;
  readonly to: InstanceId;
}

export interface Backend {
  readonly address: string;
  readonly port: number;
  /** The back end's network; the fabric's for addresses of machines. */
  readonly network: InstanceId;
}

/** One port of a virtual address. Without back ends it is refused, not dropped. */
export interface Service {
  readonly vip: string;
  readonly network: InstanceId;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly port: number;
  readonly backends: readonly Backend[];
}

/** One node's share of the forwarding: everything `linux/` needs, and what explains a verdict. */
export interface ForwardingState {
  readonly node: string;
  /** This node's underlay address; absent until its virtual-router object has one. */
  readonly address?: string;
  /** This node's IPv6 address, where it has one. */
  readonly address6?: string;
  readonly fabric: InstanceId;
  readonly peers: readonly Peer[];
  readonly networks: readonly Network[];
  readonly ports: readonly Port[];
  readonly remotes: readonly Remote[];
  readonly passages: readonly Passage[];
  /** Passages that hold only for flows translated by a service: source network to back end's network. */
  readonly servicePassages: readonly Passage[];
  readonly services: readonly Service[];
  /** Subnets that virtual addresses come from, as CIDRs: the node itself routes them into its own translation. */
  readonly serviceSubnets: readonly string[];
}

/** Ports bound through the port API: VMI to host interface. */
export type Bindings = ReadonlyMap<string, string>;
