/**
 * What workers write on a namespace: its assignment, where no webhook saw it (it is older than the installation, or the webhook
 * was away); which of its pods are still in another network than new ones, with an Event; and its network's flags.
 */
import { isDeepStrictEqual } from 'node:util';
import { ANNOTATION, MODE_LABEL } from '../kubernetes/annotations.ts';
import type { SlimNamespace } from '../kubernetes/objects.ts';
import { isOfAnother } from '../kubernetes/errors.ts';
import { reportEvent } from '../kubernetes/events.ts';
import { messageOf } from '../runtime/errors.ts';
import type { Deps } from './deps.ts';

/** Results on a namespace. `mode` is a label, for selectors; `status` is absent where there is nothing to say. */
interface NamespaceMarks {
  readonly assignment: string | undefined;
  readonly mode: string | undefined;
  readonly status: string | undefined;
}

/** The results as they stand and as they are to be, and what an Event says; absent where no pod is outdated. */
export interface NamespaceStatus {
  readonly now: NamespaceMarks;
  readonly wanted: NamespaceMarks;
  readonly message: string | undefined;
}

interface Subject {
  readonly name: string;
  readonly uid: string;
  readonly status: NamespaceStatus;
}

/** The results that stand on a namespace. Pure. */
export function marksOf({ annotations, labels }: Pick<SlimNamespace, 'annotations' | 'labels'>): NamespaceMarks {
  return {
    assignment: annotations[ANNOTATION.assignment],
    mode: labels[MODE_LABEL],
    status: annotations[ANNOTATION.status],
  };
}

/** Writes the results where they differ, and yields the subject as it reads from then on. */
export async function writeNamespaceStatus<S extends Subject>(subject: S, deps: Deps): Promise<S> {
  const { now, wanted, message } = subject.status;
  if (message !== undefined) await tell(subject, message, deps);
  if (isDeepStrictEqual(now, wanted)) return subject;
  const annotations = {
    [ANNOTATION.assignment]: wanted.assignment ?? null,
    [ANNOTATION.status]: wanted.status ?? null,
  };
  const labels = { [MODE_LABEL]: wanted.mode ?? null };
  try {
    const body = { metadata: { uid: subject.uid, annotations, labels } };
    await deps.kube.patch(`/api/v1/namespaces/${subject.name}`, body, 'application/merge-patch+json', {
      signal: deps.signal,
    });
  } catch (error) {
    // Gone, or another one of its name by now: that one has a run of its own.
    if (isOfAnother(error)) return subject;
    throw error;
  }
  return { ...subject, status: { now: wanted, wanted, message } };
}

/** That it cannot be written keeps nothing from its place. */
async function tell({ name, uid }: Subject, message: string, { kube, log }: Deps): Promise<void> {
  const object = { apiVersion: 'v1', kind: 'Namespace', name, uid };
  const report = {
    object,
    reason: 'PodsKeepTheirNetwork',
    message,
    type: 'Normal',
    component: 'opencontrail-workers',
  } as const;
  await reportEvent(kube, report).catch((error: unknown) =>
    log.warn({ namespace: name, reason: messageOf(error) }, 'cannot report an Event'),
  );
}
