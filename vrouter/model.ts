/** What one node forwards: plain data, compiled from config objects and rendered for the kernel (design 6). */

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

export interface Backend {
  readonly address: string;
  readonly port: number;
  /** The back end's network; the fabric's for addresses of machines. */
  readonly network: InstanceId;
  /** Its address may be another network's too. */
  readonly overlapping?: true;
}

/** One port of a virtual address. Without back ends it is refused, not dropped. */
export interface Service {
  readonly vip: string;
  readonly network: InstanceId;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly port: number;
  readonly backends: readonly Backend[];
  /** How long a client keeps its back end, in seconds. */
  readonly affinitySeconds?: number;
  /** There are back ends, but none that this node may use: flows are dropped, since a refusal would be believed. */
  readonly silent?: boolean;
}

/** A port of an address that is reached from outside: a node's own, or one that leads to the nodes. */
export interface Exposure {
  readonly address: string;
  readonly protocol: Service['protocol'];
  readonly port: number;
  /** For pods and the node itself. */
  readonly inside: readonly Backend[];
  readonly outside: readonly Backend[];
  readonly affinitySeconds?: number;
  /** Who may use it; everybody, where absent. */
  readonly sourceRanges?: readonly string[];
  /** As of a service, for the outside. */
  readonly silent?: boolean;
  /** The network outside that the address is of, where that is at an interface of its own. */
  readonly external?: InstanceId;
}

/** An address of the outside's that one of these nodes answers for. */
export interface Announcement {
  readonly address: string;
  /** Underlay addresses of nodes. */
  readonly nodes: readonly string[];
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

/** The address under which a network goes outside, by its router; one node translates for all. */
export interface EgressAddress {
  readonly address: string;
  readonly network: InstanceId;
  /** The underlay address of the node that translates, if it is not this one. */
  readonly via?: string;
  /** As of an exposure. */
  readonly external?: InstanceId;
}

/** A port of a floating address, and the pod's port behind it. */
export interface PortMapping {
  readonly protocol: Service['protocol'];
  readonly port: number;
  readonly targetPort: number;
}

/** A port at which the node says how many back ends of a service it has (`healthCheckNodePort`). */
export interface HealthPort {
  readonly port: number;
  readonly namespace: string;
  readonly name: string;
  readonly localEndpoints: number;
}

/** Something of this node's that is asked, again and again, whether it is well. */
export interface HealthCheck {
  /** The UUID of what is left out while it is not: a pool's member, or an interface with all its memberships. */
  readonly subject: string;
  readonly address: string;
  readonly type: 'HTTP' | 'HTTPS' | 'TCP' | 'PING';
  /** Of all but PING. */
  readonly port?: number;
  /** Of HTTP and HTTPS. */
  readonly path?: string;
  readonly delayMs: number;
  readonly timeoutMs: number;
  /** Questions that fail in a row before it is left out; one that succeeds brings it back. */
  readonly retries: number;
}

export type Direction = 'ingress' | 'egress';

/** Whom a rule of a security group means: addresses of a block, or those of a group's members in one family. */
export type PeerTest =
  | { readonly kind: 'block'; readonly cidr: string }
  | { readonly kind: 'group'; readonly group: string; readonly family: '4' | '6' };

/** Traffic that a port may exchange with somebody, and the security group that says so, with its rule's `rule_uuid`. */
export interface Allowance {
  readonly peer: PeerTest;
  readonly traffic: Traffic;
  readonly by: string;
  readonly rule?: string;
}

/** A rule of an ordered list: the first that means a flow decides it. */
export interface OrderedRule {
  readonly peer: PeerTest;
  readonly traffic: Traffic;
  /** `skip` leaves what it means to whatever is asked next, past the rest of the list. */
  readonly action: 'pass' | 'deny' | 'skip';
  readonly by: string;
  readonly mirror?: RuleMirror;
}

/** Where copies of what a rule decides are sent. */
export interface RuleMirror {
  /** An address. */
  readonly analyzer: string;
  /** The rule is judged at this end alone, so both ways are copied here; else each packet is where it is sent. */
  readonly isOneSided: boolean;
}

/** What is judged beside security groups, in one direction of a port. */
export interface Tiers {
  /** ClusterNetworkPolicies before security groups: what they pass or deny, groups are not asked about. */
  readonly admin?: readonly OrderedRule[];
  /** Those after them: asked where groups do not restrict the direction. */
  readonly baseline?: readonly OrderedRule[];
  /** Contrail's firewall policies: a flow that no rule means is denied. Absent where no policy is for the port. */
  readonly applications?: readonly OrderedRule[];
}

/**
 * What a port may receive and send, in flows of others and of its own. A direction that is absent is not restricted by security
 * groups; tiers stand around these.
 */
export interface PortPolicy {
  readonly vmi: string;
  /** The names of its security groups, known here or not. */
  readonly groups: readonly string[];
  readonly ingress?: readonly Allowance[];
  readonly egress?: readonly Allowance[];
  readonly tiers?: { readonly [direction in Direction]?: Tiers };
}

/** An address in groups (security groups, or whoever has some tags) that rules of this node's ports name as peers, sorted. */
export interface GroupMember {
  readonly address: string;
  readonly network: InstanceId;
  readonly groups: readonly string[];
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
  /** Absent where every node is sent all that its own packets need. */
  readonly guidance?: Guidance;
  readonly mirrors: readonly Mirror[];
  readonly passages: readonly Passage[];
  readonly chains: readonly ServiceChain[];
  /** Passages that hold only for flows translated by a service: source network to back end's network. */
  readonly servicePassages: readonly Passage[];
  /** Passages of networks to the outside, under a node's own address, or their pods' own where the underlay routes these. */
  readonly outbound: readonly Passage[];
  /** Passages of the outside to networks that the underlay routes. */
  readonly inbound: readonly Passage[];
  readonly externals: readonly ExternalNetwork[];
  readonly attachment?: Attachment;
  readonly floating: readonly FloatingAddress[];
  readonly egress: readonly EgressAddress[];
  readonly services: readonly Service[];
  readonly exposures: readonly Exposure[];
  readonly healthPorts: readonly HealthPort[];
  readonly healthChecks: readonly HealthCheck[];
  readonly announcements: readonly Announcement[];
  /** Subnets that virtual addresses come from, as CIDRs: the node itself routes them into its own translation. */
  readonly serviceSubnets: readonly string[];
  /** Policies of this node's ports; a port without one is not restricted. */
  readonly policies: readonly PortPolicy[];
  readonly members: readonly GroupMember[];
}

/** This node's part of the underlay, as the kernel has it. */
export interface Underlay {
  /** The interface that has the node's address. */
  readonly device: string;
  /** Nodes on the same segment that have answered there: address to MAC. */
  readonly neighbours: ReadonlyMap<string, string>;
}

/** What the kernel has of the interfaces that networks outside are at. */
export interface Interfaces {
  /** Those that are up. */
  readonly up: ReadonlySet<string>;
  /** The fabric's own. */
  readonly fabric?: string;
}

/** Ports bound through the port API: VMI to host interface. */
export type Bindings = ReadonlyMap<string, string>;
