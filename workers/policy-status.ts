/** What is wrong with a NetworkPolicy, on the policy itself: the API has no status for it, and an Event is gone in an hour. */
import { ANNOTATION } from '../kubernetes/annotations.ts';
import { isOfAnother } from '../kubernetes/errors.ts';
import { networkPolicyPath } from '../kubernetes/network-policy.ts';
import type { Deps } from './deps.ts';
import type { PolicySubject } from './desired/network-policy.ts';

/** Messages in the annotation. */
const LISTED = 20;

/** The annotation's value, or `undefined` where nothing is wrong. Pure. */
export function policyStatus({ problems }: Pick<PolicySubject, 'problems'>): string | undefined {
  if (problems.length === 0) return undefined;
  const messages = problems.slice(0, LISTED).map(({ reason, message }) => `${reason}: ${message}`);
  return JSON.stringify({ version: 1, problems: problems.length, messages });
}

/** Writes it where it differs, and yields the subject as it reads from then on. */
export async function writePolicyStatus(subject: PolicySubject, { kube, signal }: Deps): Promise<PolicySubject> {
  const { status: now, ...rest } = subject;
  const { namespace, name, uid } = rest;
  const wanted = policyStatus(subject);
  if (now === wanted) return subject;
  const body = { metadata: { uid, annotations: { [ANNOTATION.status]: wanted ?? null } } };
  try {
    await kube.patch(networkPolicyPath(namespace, name), body, 'application/merge-patch+json', { signal });
  } catch (error) {
    // Gone, or another one of its name by now: that one has a run of its own.
    if (isOfAnother(error)) return subject;
    throw error;
  }
  return { ...rest, ...(wanted === undefined ? {} : { status: wanted }) };
}
