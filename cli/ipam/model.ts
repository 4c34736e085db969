/** What three places hold of the pods' addresses, and what is wrong between them. Types only. */
import type { PodPorts } from '../../kubernetes/ports.ts';

/** A pod of ours as Kubernetes has it. */
export interface PodClaim {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly node: string;
  readonly phase: string;
  /** Bound to a node and not run to its end: such a pod is to have addresses. */
  readonly isWanted: boolean;
  /** `status.podIPs`. */
  readonly podIPs: readonly string[];
  /** The result annotation, where it is this pod's own. */
  readonly ports?: PodPorts | undefined;
}

/** An interface as the config database has it, with its addresses. */
export interface ConfigPort {
  readonly vmi: string;
  /** The virtual machine's UUID, which is the pod's UID; empty for what is no pod's. */
  readonly vm: string;
  /** The key that owns it, `Pod/<namespace>/<name>`. */
  readonly owner: string;
  readonly network: string;
  readonly mac: string;
  readonly addresses: readonly string[];
}

/** What a node's vRouter and kernel hold for one host interface. */
export interface KernelPort {
  readonly device: string;
  readonly vmi?: string | undefined;
  readonly vm?: string | undefined;
  readonly mac: string;
  readonly addresses: readonly string[];
}

export interface NodePorts {
  readonly node: string;
  readonly ports: readonly KernelPort[];
}

/** One look at everything. */
export interface Observation {
  readonly pods: readonly PodClaim[];
  readonly config: readonly ConfigPort[];
  readonly nodes: readonly NodePorts[];
  /** Nodes that could not be asked, and why. */
  readonly unasked: readonly { readonly node: string; readonly reason: string }[];
  /** Networks whose addresses are one space with those of all others of this list. */
  readonly flatNetworks: ReadonlySet<string>;
}

export type Place = 'config' | 'annotation' | 'kernel';

/** Something that does not agree. */
export interface Finding {
  readonly problem: 'twice' | 'leaked' | 'missing' | 'differs';
  readonly place: Place;
  /** Whose: a key, or a node's device where it is nobody's. */
  readonly holder: string;
  readonly addresses: readonly string[];
  readonly detail: string;
  /** The key whose run mends it. Where there is none, `mend` says what a user can do. */
  readonly repair?: string;
  readonly mend?: string;
}
