/** Says on a namespace which of its pods are still in another network than new ones: its status annotation, and an Event. */
import { ANNOTATION } from '../kubernetes/annotations.ts';
import { hasStatus } from '../kubernetes/errors.ts';
import { reportEvent } from '../kubernetes/events.ts';
import { messageOf } from '../runtime/errors.ts';
import type { Deps } from './deps.ts';

/** The status annotation as it stands and as it is to be, and what an Event says; absent where no pod is outdated. */
export interface NamespaceStatus {
  readonly now: string | undefined;
  readonly wanted: string | undefined;
  readonly message: string | undefined;
}

interface Subject {
  readonly name: string;
  readonly uid: string;
  readonly status: NamespaceStatus;
}

/** Writes the status where it differs, and yields the subject as it reads from then on. */
export async function writeNamespaceStatus<S extends Subject>(subject: S, deps: Deps): Promise<S> {
  const { now, wanted, message } = subject.status;
  if (message !== undefined) await tell(subject, message, deps);
  if (now === wanted) return subject;
  const annotations = { [ANNOTATION.status]: wanted ?? null };
  try {
    const body = { metadata: { uid: subject.uid, annotations } };
    await deps.kube.patch(`/api/v1/namespaces/${subject.name}`, body, 'application/merge-patch+json', {
      signal: deps.signal,
    });
  } catch (error) {
    // Gone, or another one of its name by now: that one has a run of its own.
    if (hasStatus(error, 404) || hasStatus(error, 409) || hasStatus(error, 422)) return subject;
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
