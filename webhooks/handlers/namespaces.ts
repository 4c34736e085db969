/** Namespaces: the mode, the project and the networks, mirrored to a label. Pure. */
import { ANNOTATION, MODE_LABEL } from '../../kubernetes/annotations.ts';
import {
  assignmentForNamespace,
  formatAssignment,
  type NamespaceAssignment,
  parseNamespaceAssignment,
} from '../../kubernetes/assignment.ts';
import { type AnnotationProblem, problemText } from '../../kubernetes/problems.ts';
import { allowed, type Decision, denied, patched } from '../decision.ts';
import { mapPatch } from '../patch.ts';
import { type AdmissionRequest, annotationsOf, type ReviewedObject } from '../review.ts';
import { type ClusterView, forbiddenIn, type Handler, refused } from './handler.ts';

const NO_REPORTS = { [ANNOTATION.status]: undefined, [ANNOTATION.networkIds]: undefined };

/** Writes the assignment and its label, at creation and whenever what they follow from changes. */
export const mutateNamespace: Handler = (request, view) => {
  const verdict = verdictOf(request, view);
  if (verdict === undefined) return allowed();
  if (verdict.kind === 'refused') return answerRefusal(request, verdict.problems);
  const { assignment } = verdict;
  const metadata = request.object?.metadata;
  const operations = [
    ...mapPatch('annotations', metadata?.annotations, {
      // Reports belong to the namespace that they were written on, not to one that is restored from it.
      ...(request.operation === 'CREATE' ? NO_REPORTS : {}),
      [ANNOTATION.assignment]: formatAssignment(assignment),
    }),
    ...mapPatch('labels', metadata?.labels, { [MODE_LABEL]: assignment.mode }),
  ];
  const warnings = [...verdict.warnings, ...moveWarning(request, assignment)];
  return patched(operations, {
    warnings,
    audit: { decision: 'assigned', mode: assignment.mode, network: assignment.podNetwork },
  });
};

/** Refuses what cannot be, and an assignment or a label that is not what we would write. */
export const validateNamespace: Handler = (request, view) => {
  const verdict = verdictOf(request, view);
  if (verdict === undefined) return allowed();
  if (verdict.kind === 'refused') return answerRefusal(request, verdict.problems);
  return (
    forbiddenIn(view) ??
    forgeryIn(request, verdict.assignment) ??
    allowed({ audit: { decision: 'assigned', mode: verdict.assignment.mode } })
  );
};

function forgeryIn(request: AdmissionRequest, ours: NamespaceAssignment): Decision | undefined {
  const text = annotationsOf(request.object)[ANNOTATION.assignment];
  if (isChanged(request, ANNOTATION.assignment) && text !== undefined && text !== formatAssignment(ours)) {
    return denied(403, `annotation ${ANNOTATION.assignment} is written by OpenContrail alone; remove the annotation`);
  }
  const label = modeLabelOf(request.object);
  if (label === undefined || label === ours.mode || label === modeLabelOf(request.oldObject)) return undefined;
  const mend = `change annotation ${ANNOTATION.isolation}, and remove the label`;
  return denied(403, `label ${MODE_LABEL}: "${label}" is not the namespace's mode, ${ours.mode}; ${mend}`);
}

function modeLabelOf(object: ReviewedObject | null | undefined): string | undefined {
  return object?.metadata.labels?.[MODE_LABEL];
}

/** `undefined` for requests that are none of our business: a namespace on its way out, a subresource, a deletion. */
function verdictOf(
  request: AdmissionRequest,
  { context }: ClusterView,
): ReturnType<typeof assignmentForNamespace> | undefined {
  if (!isLiving(request.object) || (request.subResource ?? '') !== '') return undefined;
  const { object, oldObject, operation, name } = request;
  const annotations = annotationsOf(object);
  // At CREATE the request may carry no name; a namespace's own metadata then does (generateName has run).
  const namespace = { name: name === '' ? (object?.metadata.name ?? '') : name, annotations };
  if (operation === 'CREATE') return assignmentForNamespace(namespace, context);
  return operation === 'UPDATE' ? assignmentForNamespace(namespace, context, annotationsOf(oldObject)) : undefined;
}

function isLiving(object: ReviewedObject | null | undefined): boolean {
  return object !== null && object !== undefined && (object.metadata.deletionTimestamp ?? '') === '';
}

/** An old mistake does not block an unrelated update: it is named, and nothing is written. */
function answerRefusal(request: AdmissionRequest, problems: readonly AnnotationProblem[]): Decision {
  const changed = problems.filter(({ annotation }) => isChanged(request, annotation));
  return changed.length > 0 ? refused(changed) : allowed({ warnings: problems.map(problemText) });
}

function isChanged({ object, oldObject }: AdmissionRequest, annotation: string): boolean {
  return annotationsOf(object)[annotation] !== annotationsOf(oldObject)[annotation];
}

function moveWarning({ oldObject }: AdmissionRequest, { mode, podNetwork }: NamespaceAssignment): readonly string[] {
  const before = parseNamespaceAssignment(annotationsOf(oldObject)[ANNOTATION.assignment]);
  if (before === undefined || (before.mode === mode && before.podNetwork === podNetwork)) return [];
  const change = before.mode === mode ? 'network changes' : `mode changes from ${before.mode} to ${mode}`;
  return [`the ${change}: running pods keep their network until they are re-created`];
}
