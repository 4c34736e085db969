/**
 * Which networks a pod or a namespace belongs to: decided at admission, recomputed by the workers. Pure, and the same
 * for everybody: a pod's assignment follows from its own request annotations, its namespace's, and the cluster's default.
 */
import { z } from 'zod';
import { ANNOTATION } from './annotations.ts';
import { type AttachmentContext, type FurtherInterface, furtherInterfaces } from './attachments.ts';
import { type DecidedBy, type Mode, type NamespaceIntent, namespaceIntent } from './intent.ts';
import { type AnnotationProblem, reviewAnnotations } from './problems.ts';

/** What the decision depends on besides the objects. `names` speaks of fully qualified names as lists of parts. */
export interface AssignmentContext extends AttachmentContext {
  readonly clusterName: string;
  readonly defaultMode: Mode;
  readonly names: AttachmentContext['names'] & {
    readonly project: (namespace: string) => readonly string[];
    readonly podNetwork: (namespace: string) => readonly string[];
    readonly serviceNetwork: (namespace: string) => readonly string[];
    readonly clusterPodNetwork: readonly string[];
    readonly clusterServiceNetwork: readonly string[];
  };
}

interface Annotated {
  readonly annotations: Readonly<Record<string, string>>;
}

const mode = z.enum(['cluster', 'namespace']);
const from = z.enum(['cluster', 'namespace', 'pod']);
const PodAssignmentSchema = z
  .object({
    version: z.literal(1),
    mode,
    interfaces: z
      .array(z.object({ name: z.string(), network: z.string(), from, attachment: z.string().optional() }).readonly())
      .min(1)
      .readonly(),
  })
  .readonly();
const NamespaceAssignmentSchema = z
  .object({ version: z.literal(1), mode, project: z.string(), podNetwork: z.string(), serviceNetwork: z.string() })
  .readonly();

/** The value of `opencontrail.org/assignment` on a pod; networks are fully qualified names joined by colons. */
export type PodAssignment = z.infer<typeof PodAssignmentSchema>;
/** The value of `opencontrail.org/assignment` on a namespace. */
export type NamespaceAssignment = z.infer<typeof NamespaceAssignmentSchema>;

/** The decision, or every reason why the object asks for what cannot be. */
export type AssignmentVerdict<T> =
  | { readonly kind: 'assigned'; readonly assignment: T; readonly warnings: readonly string[] }
  | { readonly kind: 'refused'; readonly problems: readonly AnnotationProblem[] };

/** The networks of a pod in `namespace`. Host-network pods are not ours: the caller leaves them alone. */
export function assignmentForPod(
  pod: Annotated,
  namespace: Annotated & { readonly name: string },
  context: AssignmentContext,
): AssignmentVerdict<PodAssignment> {
  const intent = namespaceIntent(namespace, context.defaultMode);
  const review = reviewAnnotations('Pod', pod.annotations);
  const custom = customNetworkOf(namespace.annotations);
  const inherited = [...custom, ...(intent.kind === 'refused' ? [intent.problem] : [])];
  const further = furtherInterfaces(pod.annotations, namespace.name, context);
  const problems = [
    ...review.problems,
    ...(further.kind === 'refused' ? further.problems : []),
    ...inherited.map((problem) => ofNamespace(problem, namespace.name)),
  ];
  if (intent.kind === 'refused' || problems.length > 0) return { kind: 'refused', problems };
  const network =
    intent.mode === 'namespace' ? context.names.podNetwork(namespace.name) : context.names.clusterPodNetwork;
  const first = podAssignment(intent.mode, network.join(':'), intent.from);
  const assignment = withFurther(first, further.kind === 'interfaces' ? further.interfaces : []);
  return { kind: 'assigned', assignment, warnings: review.warnings };
}

/** The project and networks of a namespace. `before` holds the annotations before an update (see `reviewAnnotations`). */
export function assignmentForNamespace(
  namespace: Annotated & { readonly name: string },
  context: AssignmentContext,
  before?: Readonly<Record<string, string>>,
): AssignmentVerdict<NamespaceAssignment> {
  const intent = namespaceIntent(namespace, context.defaultMode);
  const review = reviewAnnotations('Namespace', namespace.annotations, before);
  const problems = uniqueProblems([...review.problems, ...(intent.kind === 'refused' ? [intent.problem] : [])]);
  if (intent.kind === 'refused' || problems.length > 0) return { kind: 'refused', problems };
  return {
    kind: 'assigned',
    assignment: namespaceAssignment(namespace.name, intent, context.names),
    warnings: [...intent.warnings, ...review.warnings],
  };
}

/** The annotation's text: the same for the same assignment, whoever writes it. */
export function formatAssignment(assignment: PodAssignment | NamespaceAssignment): string {
  return JSON.stringify(assignment);
}

/** Reads a pod's assignment; `undefined` where the text is none of a version we know. */
export function parsePodAssignment(text: string | undefined): PodAssignment | undefined {
  return parsedBy(PodAssignmentSchema, text);
}

/** Reads a namespace's assignment; `undefined` where the text is none of a version we know. */
export function parseNamespaceAssignment(text: string | undefined): NamespaceAssignment | undefined {
  return parsedBy(NamespaceAssignmentSchema, text);
}

/** Whether two pod assignments put every interface into the same network; who decided it does not matter. */
export function isSamePodAssignment(a: PodAssignment, b: PodAssignment): boolean {
  const essence = (assignment: PodAssignment): string =>
    JSON.stringify(assignment.interfaces.map(({ name, network }) => [name, network]));
  return essence(a) === essence(b);
}

function podAssignment(mode: Mode, network: string, from: DecidedBy): PodAssignment {
  return { version: 1, mode, interfaces: [{ name: 'eth0', network, from }] };
}

function withFurther(assignment: PodAssignment, further: readonly FurtherInterface[]): PodAssignment {
  return { ...assignment, interfaces: [...assignment.interfaces, ...further] };
}

function namespaceAssignment(
  name: string,
  { mode }: Extract<NamespaceIntent, { kind: 'mode' }>,
  names: AssignmentContext['names'],
): NamespaceAssignment {
  const isolated = mode === 'namespace';
  return {
    version: 1,
    mode,
    project: names.project(name).join(':'),
    podNetwork: (isolated ? names.podNetwork(name) : names.clusterPodNetwork).join(':'),
    serviceNetwork: (isolated ? names.serviceNetwork(name) : names.clusterServiceNetwork).join(':'),
  };
}

/** A namespace that asked for a network of its own while no webhook was there to refuse it: its pods must not land elsewhere. */
function customNetworkOf(annotations: Readonly<Record<string, string>>): readonly AnnotationProblem[] {
  const value = annotations[ANNOTATION.network];
  return value === undefined ? [] : reviewAnnotations('Namespace', { [ANNOTATION.network]: value }).problems;
}

function ofNamespace(problem: AnnotationProblem, namespace: string): AnnotationProblem {
  return { ...problem, problem: `of namespace ${namespace} ${problem.problem}` };
}

function uniqueProblems(problems: readonly AnnotationProblem[]): readonly AnnotationProblem[] {
  return problems.filter(
    ({ annotation }, index) => problems.findIndex((other) => other.annotation === annotation) === index,
  );
}

function parsedBy<T>(schema: z.ZodType<T>, text: string | undefined): T | undefined {
  if (text === undefined) return undefined;
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined; // Not JSON: no assignment of ours.
  }
}
