/** StatefulSets as far as their pods' addresses outlive the pods. Pure. */
import { ANNOTATION } from './annotations.ts';
import type { KubeObject } from './client.ts';
import { keptTexts } from './kept-addresses.ts';
import { ourAnnotations, type SlimPod } from './objects.ts';

export interface SlimStatefulSet {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** The ordinals of the pods there are to be: from `start`, so many. */
  readonly start: number;
  readonly replicas: number;
  /** Of the pods' template: those of ours. */
  readonly annotations: Readonly<Record<string, string>>;
  /** What it remembers of its pods' addresses, by ordinal (kubernetes/kept-addresses.ts). */
  readonly kept: Readonly<Record<string, string>>;
  readonly deletionTimestamp?: string;
}

/** The path of all StatefulSets. */
export const STATEFUL_SETS = '/apis/apps/v1/statefulsets';

export function statefulSetPath(namespace: string, name: string): string {
  return `/apis/apps/v1/namespaces/${namespace}/statefulsets/${name}`;
}

// The fields of an apps/v1 StatefulSet that are read here; the API server has set the defaults.
type RawStatefulSet = KubeObject & {
  readonly spec?: {
    readonly replicas?: number;
    readonly ordinals?: { readonly start?: number };
    readonly template?: { readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> } };
  };
};

export function slimStatefulSet(raw: KubeObject): SlimStatefulSet {
  const { metadata, spec = {} } = raw as RawStatefulSet;
  const { deletionTimestamp } = metadata;
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    uid: metadata.uid,
    start: spec.ordinals?.start ?? 0,
    replicas: spec.replicas ?? 1,
    annotations: ourAnnotations(spec.template?.metadata?.annotations),
    kept: keptTexts(metadata.annotations),
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
  };
}

/** The StatefulSet and the ordinal that a pod's name is of, if any: `web-2` is of `web`. */
export function ordinalName(pod: string): { readonly set: string; readonly ordinal: number } | undefined {
  const [, set, digits] = /^(.+)-(0|[1-9]\d{0,8})$/.exec(pod) ?? [];
  return set === undefined || digits === undefined ? undefined : { set, ordinal: Number(digits) };
}

/** The names of the pods that a StatefulSet is to have. */
export function podsOfSet({ name, start, replicas }: SlimStatefulSet): readonly string[] {
  return Array.from({ length: replicas }, (_, index) => `${name}-${start + index}`);
}

/** Whether a pod keeps its addresses for its successor of the same name: those of StatefulSets do, unless told not to. */
export function isSticky({ ownerKind, annotations }: Pick<SlimPod, 'ownerKind' | 'annotations'>): boolean {
  return ownerKind === 'StatefulSet' && saysSticky(annotations);
}

/** Whether a StatefulSet is to have a pod of this ordinal, for which addresses are kept while it is away. */
export function keepsFor(set: SlimStatefulSet, ordinal: number): boolean {
  const { start, replicas, annotations, deletionTimestamp } = set;
  return deletionTimestamp === undefined && saysSticky(annotations) && ordinal >= start && ordinal < start + replicas;
}

function saysSticky(annotations: Readonly<Record<string, string>>): boolean {
  return annotations[ANNOTATION.sticky]?.toLowerCase() !== 'false';
}
