/**
 * Which networks a pod or a namespace belongs to: decided at admission, recomputed by the workers. Pure, and the same
 * for everybody: a pod's assignment follows from its own request annotations, its namespace's, and the cluster's default.
 */
import { z } from 'zod';
import { ANNOTATION } from './annotations.ts';
import {
  type AttachmentContext,
  type FurtherInterface,
  type FurtherInterfaces,
  furtherInterfaces,
} from './attachments.ts';
import { type ChainContext, chainInterfaces } from './chain-interfaces.ts';
import { type CustomNetwork, customNetwork, type NetworkUse } from './custom-network.ts';
import { type DecidedBy, type Isolation, type Mode, type NamespaceIntent, namespaceIntent } from './intent.ts';
import { FIRST_INTERFACE } from './ports.ts';
import { type AnnotationProblem, reviewAnnotations } from './problems.ts';

/** What the decision depends on besides the objects. `names` speaks of fully qualified names as lists of parts. */
export interface AssignmentContext extends AttachmentContext, Pick<ChainContext, 'chainOf'> {
  readonly clusterName: string;
  readonly defaultMode: Isolation;
  readonly names: AttachmentContext['names'] & {
    readonly project: (namespace: string) => readonly string[];
    readonly podNetwork: (namespace: string) => readonly string[];
    readonly appNetwork: (namespace: string, app: string) => readonly string[];
    readonly serviceNetwork: (namespace: string) => readonly string[];
    readonly clusterPodNetwork: readonly string[];
    readonly clusterServiceNetwork: readonly string[];
  };
}

interface Annotated {
  readonly annotations: Readonly<Record<string, string>>;
}

const mode = z.enum(['cluster', 'namespace', 'app', 'custom']);
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
  | {
      readonly kind: 'assigned';
      readonly assignment: T;
      readonly warnings: readonly string[];
      readonly uses: readonly NetworkUse[];
    }
  | { readonly kind: 'refused'; readonly problems: readonly AnnotationProblem[] };

/**
 * The networks of a pod in `namespace`: the pod's own choice, else the namespace's, else what the isolation gives (facts 2.1).
 * `uses` are networks of other namespaces that the pod itself names: the caller asks for the permission. Host-network pods are
 * not ours: the caller leaves them alone.
 */
export function assignmentForPod(
  pod: Annotated & { readonly labels?: Readonly<Record<string, string>> | undefined },
  namespace: Annotated & { readonly name: string },
  context: AssignmentContext,
): AssignmentVerdict<PodAssignment> {
  const intent = namespaceIntent(namespace, context.defaultMode);
  const review = reviewAnnotations('Pod', pod.annotations);
  const own = customNetwork(pod.annotations, namespace.name, context.names);
  const home = customNetwork(namespace.annotations, namespace.name, context.names);
  // What the pod says itself has precedence, also over a mistake of its namespace.
  const inherited = own.kind === 'named' ? [] : [...problemsOf(home), ...problemsOf(intent)];
  const further = furtherInterfaces(pod.annotations, namespace.name, context);
  const chained = chainInterfaces(pod.annotations, namesOf(further), context);
  const problems = [
    ...uniqueProblems([...review.problems, ...problemsOf(own)]),
    ...[further, chained].flatMap((each) => (each.kind === 'refused' ? each.problems : [])),
    ...inherited.map((problem) => ofNamespace(problem, namespace.name)),
  ];
  if (problems.length > 0) return { kind: 'refused', problems };
  const first = decided({ own, home, intent }, { namespace: namespace.name, app: appOf(pod), names: context.names });
  const added = [further, chained].flatMap((each) => (each.kind === 'interfaces' ? each : []));
  return {
    kind: 'assigned',
    assignment: withFurther(
      first,
      added.flatMap(({ interfaces }) => interfaces),
    ),
    warnings: review.warnings,
    uses: [...(own.kind === 'named' && own.use !== undefined ? [own.use] : []), ...added.flatMap(({ uses }) => uses)],
  };
}

function namesOf(further: FurtherInterfaces): readonly string[] {
  return further.kind === 'interfaces' ? further.interfaces.map(({ name }) => name) : [];
}

/** The app that a pod belongs to: by its label, or by the annotation of the first generation. */
export function appOf({
  labels,
  annotations,
}: {
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly annotations: Readonly<Record<string, string>>;
}): string | undefined {
  const app = labels?.[ANNOTATION.name] ?? annotations[ANNOTATION.name];
  return app === undefined || app === '' ? undefined : app;
}

/** The project and networks of a namespace. `before` holds the annotations before an update (see `reviewAnnotations`). */
export function assignmentForNamespace(
  namespace: Annotated & { readonly name: string },
  context: AssignmentContext,
  before?: Readonly<Record<string, string>>,
): AssignmentVerdict<NamespaceAssignment> {
  const intent = namespaceIntent(namespace, context.defaultMode);
  const review = reviewAnnotations('Namespace', namespace.annotations, before);
  const custom = customNetwork(namespace.annotations, namespace.name, context.names);
  const problems = uniqueProblems([...review.problems, ...problemsOf(custom), ...problemsOf(intent)]);
  if (intent.kind === 'refused' || problems.length > 0) return { kind: 'refused', problems };
  return {
    kind: 'assigned',
    assignment: namespaceAssignment(namespace.name, { intent, custom }, context.names),
    warnings: [...intent.warnings, ...review.warnings],
    uses: custom.kind === 'named' && custom.use !== undefined ? [custom.use] : [],
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

interface Choices {
  readonly own: CustomNetwork;
  readonly home: CustomNetwork;
  readonly intent: NamespaceIntent;
}

function decided(
  { own, home, intent }: Choices,
  place: { readonly namespace: string; readonly app: string | undefined; readonly names: AssignmentContext['names'] },
): PodAssignment {
  if (own.kind === 'named') return podAssignment('custom', own.network, 'pod');
  if (home.kind === 'named') return podAssignment('custom', home.network, 'namespace');
  // The caller has dealt with refusals: what is left has a mode.
  const { mode, from } = intent as Extract<NamespaceIntent, { kind: 'mode' }>;
  return podAssignment(mode, usualNetwork(mode, place).join(':'), from);
}

/** A pod without an app, where apps are isolated, is in its namespace's own network. */
function usualNetwork(
  mode: Isolation,
  {
    namespace,
    app,
    names,
  }: { readonly namespace: string; readonly app: string | undefined; readonly names: AssignmentContext['names'] },
): readonly string[] {
  if (mode === 'cluster') return names.clusterPodNetwork;
  return mode === 'app' && app !== undefined ? names.appNetwork(namespace, app) : names.podNetwork(namespace);
}

function podAssignment(mode: Mode, network: string, from: DecidedBy): PodAssignment {
  return { version: 1, mode, interfaces: [{ name: FIRST_INTERFACE, network, from }] };
}

function withFurther(assignment: PodAssignment, further: readonly FurtherInterface[]): PodAssignment {
  return { ...assignment, interfaces: [...assignment.interfaces, ...further] };
}

/** With a network of the user's own for its pods, a namespace's services stay in the cluster's (facts 2.1, 3.1). */
function namespaceAssignment(
  name: string,
  { intent, custom }: { readonly intent: Extract<NamespaceIntent, { kind: 'mode' }>; readonly custom: CustomNetwork },
  names: AssignmentContext['names'],
): NamespaceAssignment {
  const isolated = custom.kind !== 'named' && intent.mode !== 'cluster';
  const podNetwork = isolated ? names.podNetwork(name) : names.clusterPodNetwork;
  return {
    version: 1,
    mode: custom.kind === 'named' ? 'custom' : intent.mode,
    project: names.project(name).join(':'),
    podNetwork: custom.kind === 'named' ? custom.network : podNetwork.join(':'),
    serviceNetwork: (isolated ? names.serviceNetwork(name) : names.clusterServiceNetwork).join(':'),
  };
}

function problemsOf(verdict: CustomNetwork | NamespaceIntent): readonly AnnotationProblem[] {
  return verdict.kind === 'refused' ? [verdict.problem] : [];
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
