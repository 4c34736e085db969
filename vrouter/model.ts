/** What one node forwards: plain data, compiled from config objects and rendered for the kernel (design 6). */
import type { Mirror, ServiceChain } from './model/chains.ts';
import type {
  Announcement,
  Attachment,
  EgressAddress,
  ExternalNetwork,
  FloatingAddress,
  FloatingElsewhere,
  PortPool,
} from './model/edges.ts';
import type { Guidance, InstanceId, Network, Passage, Peer, Port, Remote } from './model/networks.ts';
import type { GroupMember, PortPolicy } from './model/policy.ts';
import type { Exposure, HealthCheck, HealthPort, Service } from './model/services.ts';

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
  readonly portPools: readonly PortPool[];
  /** Passages of the outside to networks that the underlay routes. */
  readonly inbound: readonly Passage[];
  readonly externals: readonly ExternalNetwork[];
  readonly attachment?: Attachment;
  readonly floating: readonly FloatingAddress[];
  readonly floatingElsewhere: readonly FloatingElsewhere[];
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
