/** What a namespace's annotations ask for: its mode, and whose word that was. Pure. */
import { ANNOTATION } from './annotations.ts';
import { parseIsolation, parseSwitch } from './grammar.ts';
import type { AnnotationProblem } from './problems.ts';

/** How pods are separated: `cluster` shares one network, `namespace` gives each namespace its own, `app` each app in it. */
export type Isolation = 'cluster' | 'namespace' | 'app';
/** What a pod's or a namespace's network follows from: the isolation, or the user's own choice. */
export type Mode = Isolation | 'custom';

/** Who decided: the cluster's default, the namespace, or the pod itself. */
export type DecidedBy = 'cluster' | 'namespace' | 'pod';

export type NamespaceIntent =
  | { readonly kind: 'mode'; readonly mode: Isolation; readonly from: DecidedBy; readonly warnings: readonly string[] }
  | { readonly kind: 'refused'; readonly problem: AnnotationProblem };

/** The namespace whose own network is, by its name, the cluster's pod network (facts 1.2.4a): it cannot be isolated. */
const SHARED_NAMESPACE = 'default';
/** What serves everybody stays in the cluster's network unless asked otherwise, also where `namespace` is the default. */
const SYSTEM_NAMESPACES: ReadonlySet<string> = new Set(['kube-system', 'kube-public', 'kube-node-lease']);

/** The mode of a namespace from its annotations and the cluster's default. */
export function namespaceIntent(
  namespace: { readonly name: string; readonly annotations: Readonly<Record<string, string>> },
  defaultMode: Isolation,
): NamespaceIntent {
  const isShared = namespace.name === SHARED_NAMESPACE;
  const asked = askedIsolation(namespace.annotations);
  if (asked === undefined) {
    const mode = isShared || SYSTEM_NAMESPACES.has(namespace.name) ? 'cluster' : defaultMode;
    return { kind: 'mode', mode, from: 'cluster', warnings: [] };
  }
  if ('problem' in asked) return { kind: 'refused', problem: asked };
  if (isShared && asked.mode !== 'cluster') {
    const warning = `namespace ${SHARED_NAMESPACE} is the cluster's own network: annotation ${asked.key} has no effect on it`;
    return { kind: 'mode', mode: 'cluster', from: 'cluster', warnings: [warning] };
  }
  const older =
    asked.key === ANNOTATION.isolatedOld ? [`annotation ${asked.key} is deprecated; use ${ANNOTATION.isolation}`] : [];
  return { kind: 'mode', mode: asked.mode, from: 'namespace', warnings: older };
}

type Asked = { readonly key: string; readonly mode: Isolation } | AnnotationProblem | undefined;

function askedIsolation(annotations: Readonly<Record<string, string>>): Asked {
  const value = annotations[ANNOTATION.isolation];
  if (value === undefined) return askedByOldSpelling(annotations[ANNOTATION.isolatedOld]);
  const annotation = ANNOTATION.isolation;
  const parsed = parseIsolation(value);
  if (!parsed.ok) return { annotation, value, problem: parsed.problem, mend: parsed.mend };
  return { key: annotation, mode: ISOLATIONS[parsed.value] };
}

const ISOLATIONS = { true: 'namespace', false: 'cluster', app: 'app' } as const;

function askedByOldSpelling(value: string | undefined): Asked {
  if (value === undefined) return undefined;
  const parsed = parseSwitch(value);
  if (parsed.ok) return { key: ANNOTATION.isolatedOld, mode: parsed.value ? 'namespace' : 'cluster' };
  return { annotation: ANNOTATION.isolatedOld, value, problem: parsed.problem, mend: parsed.mend };
}
