/** What a handler is: a pure function of the request and of what the cluster holds. */
import type { AssignmentContext } from '../../kubernetes/assignment.ts';
import type { SlimNamespace } from '../../kubernetes/objects.ts';
import type { SlimServiceChain } from '../../kubernetes/service-chain.ts';
import type { SlimVirtualNetwork } from '../../kubernetes/virtual-network.ts';
import { type AnnotationProblem, problemText } from '../../kubernetes/problems.ts';
import type { AddressBook } from '../address-book.ts';
import { type Decision, denied } from '../decision.ts';
import type { AdmissionRequest } from '../review.ts';

/** What handlers may ask of the cluster; gathered before they run. */
export interface ClusterView {
  readonly context: AssignmentContext;
  /** The namespace of the request, for requests that have one. */
  readonly namespace: SlimNamespace | undefined;
  /** The cluster's address space of pods. */
  readonly podCidrs: readonly string[];
  /** Which pod holds an address, as far as the cache has seen. */
  readonly holderOf?: AddressBook['holderOf'];
  /** The subnets of a VirtualNetwork by its network's name, as far as the cache has seen. */
  readonly subnetsOf?: (network: string) => readonly string[] | undefined;
  /** VirtualNetworks that ask to be routed by the underlay, as far as the cache has seen. */
  readonly routedNetworks?: () => readonly SlimVirtualNetwork[];
  /** Whether nodes reach pods by addresses for probes: ours do, a Contrail vRouter does not. */
  readonly probesByAddress?: boolean;
  /** Which pods use a definition, as far as the cache has seen. */
  readonly usersOf?: AddressBook['usersOf'];
  /** The chain that a connection leads through, `missing` where there is none of its name; gathered for validation alone. */
  readonly chain?: SlimServiceChain | 'missing';
  /** Networks of other namespaces that the object names without permission; gathered for validation alone. */
  readonly forbidden?: readonly AnnotationProblem[];
}

export type Handler = (request: AdmissionRequest, view: ClusterView) => Decision;

/** The denial that tells users each annotation, its value, and the mend. */
export function refused(problems: readonly AnnotationProblem[]): Decision {
  const annotations = problems.map(({ annotation }) => annotation).join(',');
  return denied(422, problems.map(problemText).join('. '), { audit: { decision: 'refused', annotations } });
}

/** The denial for networks that may not be used; `undefined` where there is none. */
export function forbiddenIn({ forbidden = [] }: ClusterView): Decision | undefined {
  if (forbidden.length === 0) return undefined;
  return denied(403, forbidden.map(problemText).join('. '), { audit: { decision: 'forbidden' } });
}

/** The namespace of a pod request; throws when it is unknown, which is our failure and not the user's. */
export function namespaceOf(request: AdmissionRequest, view: ClusterView): SlimNamespace {
  if (view.namespace !== undefined) return view.namespace;
  throw new Error(`namespace ${request.namespace} is not known yet`);
}
