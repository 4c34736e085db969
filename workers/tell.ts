/** Tells users what is wrong with a part of an object whose rest stands. */
import { type ObjectReference, reportEvent } from '../kubernetes/events.ts';
import { messageOf } from '../runtime/errors.ts';
import type { Deps } from './deps.ts';

export interface PartialProblem {
  readonly reason: string;
  readonly message: string;
}

/** Writes a warning onto the object. Never throws: what cannot be written is logged. */
export async function tell(
  object: ObjectReference,
  { reason, message }: PartialProblem,
  { kube, log }: Pick<Deps, 'kube' | 'log'>,
): Promise<void> {
  const report = { object, reason, message, type: 'Warning', component: 'opencontrail-workers' } as const;
  await reportEvent(kube, report).catch((error: unknown) => {
    const { kind, namespace, name } = object;
    log.warn({ kind, namespace, name, reason: messageOf(error) }, 'cannot report an Event');
  });
}
