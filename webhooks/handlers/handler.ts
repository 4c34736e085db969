/** What a handler is: a pure function of the request and of what the cluster holds. */
import type { AssignmentContext } from '../../kubernetes/assignment.ts';
import type { SlimNamespace } from '../../kubernetes/objects.ts';
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
}

export type Handler = (request: AdmissionRequest, view: ClusterView) => Decision;

/** The denial that tells users each annotation, its value, and the mend. */
export function refused(problems: readonly AnnotationProblem[]): Decision {
  const annotations = problems.map(({ annotation }) => annotation).join(',');
  return denied(422, problems.map(problemText).join('. '), { audit: { decision: 'refused', annotations } });
}

/** The namespace of a pod request; throws when it is unknown, which is our failure and not the user's. */
export function namespaceOf(request: AdmissionRequest, view: ClusterView): SlimNamespace {
  if (view.namespace !== undefined) return view.namespace;
  throw new Error(`namespace ${request.namespace} is not known yet`);
}
