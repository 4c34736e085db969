/** Where the cluster meets the outside: addresses there, who answers for them, and the networks that they are of. */
import type { InstanceId } from './networks.ts';
import type { Service } from './services.ts';

/** An address of the outside's that one of these nodes answers for. */
export interface Announcement {
  readonly address: string;
  /** Underlay addresses of nodes. */
  readonly nodes: readonly string[];
  /** The one of them that does, where nodes do not choose by who lives. */
  readonly holder?: string;
  /** The interface where they do, if it is not the fabric's, and the subnet there that the address is in. */
  readonly at?: { readonly interface: string; readonly subnet?: string };
}

/**
 * A network outside at an interface of nodes: a column of the reachability matrix of its own. Where the interface is the fabric's,
 * it is the outside's.
 */
export interface ExternalNetwork {
  readonly id: InstanceId;
  /** The fully qualified name in its colon form. */
  readonly name: string;
  /** Empty where no interface can have the name that it was given. */
  readonly interface: string;
  readonly subnets: readonly string[];
  /** The routers there, one of a family: of the first subnet that has one. */
  readonly gateways: readonly string[];
}

/** What this node's virtual router, an object of Contrail's, says of its interfaces: which of those it has that networks are at. */
export interface Attachment {
  readonly router: string;
  /** Sorted. */
  readonly interfaces: readonly string[];
}

/** An address of the outside's that stands for a pod of this node's. */
export interface FloatingAddress {
  readonly address: string;
  /** The pod's own address, and its network. */
  readonly target: string;
  readonly network: InstanceId;
  /** Whether the outside reaches the pod by it, and whether the pod is seen as it outside. */
  readonly inward: boolean;
  readonly outward: boolean;
  /** The ports that lead to the pod; absent where everything does. */
  readonly ports?: readonly PortMapping[];
  /** As of an exposure. */
  readonly external?: InstanceId;
}

/**
 * An address of a network outside at an interface, of a pod on another node: who may go outside reaches that by it as if it were here, and
 * so does the node itself.
 */
export interface FloatingElsewhere extends Omit<FloatingAddress, 'inward' | 'outward' | 'external'> {
  readonly external: InstanceId;
}

/** A port of a floating address, and the pod's port behind it. */
export interface PortMapping {
  readonly protocol: Service['protocol'];
  readonly port: number;
  readonly targetPort: number;
}

/** An address under which a network goes outside, by its router; one node translates for all. Of several each pod has one. */
export interface EgressAddress {
  readonly address: string;
  readonly network: InstanceId;
  /** Its number among those of the network and its family: one in thousands, made of its text, so that it stays when others come and go. */
  readonly index: number;
  /** The underlay address of the node that translates, if it is not this one. */
  readonly via?: string;
  /** As of an exposure. */
  readonly external?: InstanceId;
}

/** Ports under which pods go outside by their node's address, both ends included; of a protocol without any the kernel has all. */
export interface PortPool {
  readonly protocol: 'tcp' | 'udp';
  readonly first: number;
  readonly last: number;
}
