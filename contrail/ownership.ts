/** Whose an object is, written as annotations on the object itself (facts 1.0). Pure. */
import type { KeyValuePairs } from './objects.ts';
import { annotationOf, type ContrailObject } from './objects.ts';
import { OWNER } from './names.ts';

/** What an object was made for: the Kubernetes object whose key owns it. Cluster singletons have kind `Cluster`. */
export interface Owner {
  readonly cluster: string;
  /** The Contrail project's own name, for tools that group by it. */
  readonly project: string;
  readonly kind: string;
  /** Empty for kinds that live in no namespace. */
  readonly namespace: string;
  readonly name: string;
}

/** The `annotations` property that marks an object as ours; `extra` are further annotations, absent values left out. */
export function annotationsFor(
  owner: Owner,
  extra: Readonly<Record<string, string | undefined>> = {},
): { readonly annotations: KeyValuePairs } {
  const all: Record<string, string | undefined> = { owner: OWNER, ...owner, ...extra };
  const pairs = Object.entries(all).flatMap(([key, value]) => (value === undefined ? [] : [{ key, value }]));
  return { annotations: { key_value_pair: pairs } };
}

/** Whose an object is, or `undefined` when it does not carry our annotations in full. */
export function ownerOf(object: ContrailObject): Owner | undefined {
  if (annotationOf(object, 'owner') !== OWNER) return undefined;
  const cluster = annotationOf(object, 'cluster');
  const kind = annotationOf(object, 'kind');
  const name = annotationOf(object, 'name');
  if (cluster === undefined || kind === undefined || name === undefined) return undefined;
  const [project, namespace] = [annotationOf(object, 'project') ?? '', annotationOf(object, 'namespace') ?? ''];
  return { cluster, project, kind, namespace, name };
}
