/** A Namespace as workers need it: the slim projection and when it was created. Pure. */
import type { KubeObject } from '../kubernetes/client.ts';
import { type SlimNamespace, slimNamespace } from '../kubernetes/objects.ts';

export interface WorkerNamespace extends SlimNamespace {
  /** RFC 3339, in seconds. */
  readonly created: string;
}

export function workerNamespace(raw: KubeObject): WorkerNamespace {
  return { ...slimNamespace(raw), created: raw.metadata.creationTimestamp ?? '' };
}

type Aged = Pick<WorkerNamespace, 'created' | 'name'>;

/** Oldest first, by name where two are of one second: most likely the order in which their networks were first numbered. */
export function byAge(a: Aged, b: Aged): number {
  return a.created.localeCompare(b.created) || a.name.localeCompare(b.name);
}
