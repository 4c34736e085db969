/** Pods: which networks a new pod belongs to, and what may not change afterwards. Pure. */
import { REQUESTS } from '../../kubernetes/annotation-contract.ts';
import { ANNOTATION } from '../../kubernetes/annotations.ts';
import {
  assignmentForPod,
  formatAssignment,
  isSamePodAssignment,
  type PodAssignment,
  parsePodAssignment,
} from '../../kubernetes/assignment.ts';
import { reviewAnnotations } from '../../kubernetes/problems.ts';
import { allowed, type Decision, denied, patched } from '../decision.ts';
import { mapPatch, type PatchOperation } from '../patch.ts';
import { type AdmissionRequest, annotationsOf } from '../review.ts';
import { addressProblems } from './addresses.ts';
import { NO_PROBES, planProbes, type ProbePlan, probeWarnings } from './probes.ts';
import { type ClusterView, forbiddenIn, type Handler, namespaceOf, refused } from './handler.ts';

/** The kubelet's mirror of a static pod: created by a node, and kept whatever we say. */
const MIRROR = 'kubernetes.io/config.mirror';
/** Results that nobody has computed for a pod that does not exist yet. */
const RESULTS_OF_LATER = [ANNOTATION.ports, ANNOTATION.networkStatus] as const;

/** Writes the assignment on a new pod, and takes results away that belonged to another (restored or forged). */
export const mutatePod: Handler = (request, view) => {
  if (request.operation !== 'CREATE' || !concernsUs(request)) return allowed();
  const annotations = annotationsOf(request.object);
  const pod = { annotations, labels: request.object?.metadata.labels ?? {} };
  const verdict = assignmentForPod(pod, namespaceOf(request, view), view.context);
  if (verdict.kind === 'refused') return refused(verdict.problems);
  const { assignment, warnings } = verdict;
  const wrong = addressProblems(annotations, assignment, view);
  if (wrong.length > 0) return refused(wrong);
  const network = assignment.interfaces[0]?.network ?? '';
  const probes = view.probesByAddress === true ? planProbes(request, assignment, view) : NO_PROBES;
  const remarks = {
    warnings: [...warnings, ...probeWarnings(probes, namespaceOf(request, view))],
    audit: { decision: 'assigned', mode: assignment.mode, network },
  };
  return patched(assigning(request, assignment, probes), remarks);
};

function assigning(request: AdmissionRequest, assignment: PodAssignment, probes: ProbePlan): readonly PatchOperation[] {
  const removed = Object.fromEntries(RESULTS_OF_LATER.map((key) => [key, undefined]));
  const wanted = {
    ...removed,
    [ANNOTATION.assignment]: formatAssignment(assignment),
    [ANNOTATION.probeAddress]: probes.address,
  };
  return [...mapPatch('annotations', request.object?.metadata.annotations, wanted), ...probes.operations];
}

/** Judges the pod as it will be stored: what others made of it in between, or where the mutating webhook was away. */
export const validatePod: Handler = (request, view) => {
  if (!concernsUs(request)) return allowed();
  if (request.operation === 'CREATE') return validateCreation(request, view);
  return request.operation === 'UPDATE' ? validateUpdate(request, view) : allowed();
};

function concernsUs({ object, subResource }: AdmissionRequest): boolean {
  if (object === null || object === undefined || (subResource ?? '') !== '') return false;
  return object.spec?.hostNetwork !== true && annotationsOf(object)[MIRROR] === undefined;
}

function validateCreation(request: AdmissionRequest, view: ClusterView): Decision {
  const annotations = annotationsOf(request.object);
  const pod = { annotations, labels: request.object?.metadata.labels ?? {} };
  const verdict = assignmentForPod(pod, namespaceOf(request, view), view.context);
  if (verdict.kind === 'refused') return refused(verdict.problems);
  const wrong = addressProblems(annotations, verdict.assignment, view);
  if (wrong.length > 0) return refused(wrong);
  const forbidden = forbiddenIn(view);
  if (forbidden !== undefined) return forbidden;
  const forged = RESULTS_OF_LATER.find((key) => annotations[key] !== undefined);
  if (forged !== undefined) return notYours(forged, annotations[forged] ?? '');
  return judgeAssignment(annotations[ANNOTATION.assignment], verdict.assignment);
}

/** No assignment is fine: a worker writes it. Another one than ours is not. */
function judgeAssignment(text: string | undefined, ours: Parameters<typeof isSamePodAssignment>[0]): Decision {
  if (text === undefined) return allowed({ audit: { decision: 'unassigned' } });
  const given = parsePodAssignment(text);
  if (given !== undefined && isSamePodAssignment(given, ours)) return allowed({ audit: { decision: 'assigned' } });
  return notYours(ANNOTATION.assignment, text);
}

function validateUpdate(request: AdmissionRequest, view: ClusterView): Decision {
  const { object, oldObject } = request;
  if ((object?.metadata.deletionTimestamp ?? '') !== '') return allowed();
  const [after, before] = [annotationsOf(object), annotationsOf(oldObject)];
  const review = reviewAnnotations('Pod', after, before);
  const faulty = review.problems.filter(({ annotation }) => after[annotation] !== before[annotation]);
  if (faulty.length > 0) return refused(faulty);
  const assignment = judgeAssignmentChange({ after, before }, request, view);
  if (assignment.kind === 'denied') return assignment;
  const fixed = REQUESTS.filter(({ on, isFollowed = false }) => on.includes('Pod') && !isFollowed);
  const changed = fixed.map(({ key }) => key).filter((key) => after[key] !== before[key]);
  return allowed({
    warnings: [
      ...review.warnings,
      ...changed.map((key) => `annotation ${key} is read at creation only: re-create the pod to apply it`),
    ],
  });
}

function judgeAssignmentChange(
  {
    after,
    before,
  }: { readonly after: Readonly<Record<string, string>>; readonly before: Readonly<Record<string, string>> },
  request: AdmissionRequest,
  view: ClusterView,
): Decision {
  const [given, was] = [after[ANNOTATION.assignment], before[ANNOTATION.assignment]];
  if (given === was) return allowed();
  if (was !== undefined) {
    return denied(
      403,
      `annotation ${ANNOTATION.assignment} of a pod does not change: re-create the pod to move it to another network`,
    );
  }
  const pod = { annotations: after, labels: request.object?.metadata.labels ?? {} };
  const verdict = assignmentForPod(pod, namespaceOf(request, view), view.context);
  return verdict.kind === 'refused' ? refused(verdict.problems) : judgeAssignment(given, verdict.assignment);
}

function notYours(annotation: string, value: string): Decision {
  const shown = value.length > 120 ? `${value.slice(0, 120)}…` : value;
  return denied(403, `annotation ${annotation}: "${shown}" is written by OpenContrail alone; remove the annotation`, {
    audit: { decision: 'forged', annotations: annotation },
  });
}
