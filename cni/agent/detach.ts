/** DEL: take a container interface away again, whatever of it is there (design rule 10). */
import { messageOf } from '../../runtime/errors.ts';
import type { CniRequest } from '../protocol.ts';
import type { AgentDeps } from './deps.ts';
import type { Attachment } from './journal.ts';
import { removalLines } from './link-text.ts';
import { required } from './request.ts';

/** Releases what ADD made for this container interface; fine when there is nothing. What cannot be finished now is later. */
export async function detach(request: CniRequest, deps: AgentDeps): Promise<void> {
  const containerId = required(request.containerId, 'CNI_CONTAINERID');
  const ifname = required(request.ifname, 'CNI_IFNAME');
  await release({ containerId, ifname }, deps);
}

/** The same for whoever knows the container interface alone. Serialised with every other command for its pod. */
export async function release(which: Pick<Attachment, 'containerId' | 'ifname'>, deps: AgentDeps): Promise<void> {
  const known = deps.journal.get(which.containerId, which.ifname);
  if (known === undefined) return;
  await deps.locks.hold(`${known.namespace}/${known.pod}`, async () => {
    // An ADD for a newer sandbox may have superseded it while we waited.
    const attachment = deps.journal.get(which.containerId, which.ifname);
    if (attachment !== undefined) await removeAttachment(attachment, deps);
  });
}

/** Removes links, the vRouter's port and the record, in this order; the caller holds the pod's lock. Never throws. */
export async function removeAttachment(attachment: Attachment, deps: AgentDeps): Promise<void> {
  if (attachment.state !== 'releasing') await deps.journal.put({ ...attachment, state: 'releasing' });
  const outcomes = await Promise.allSettled([removeLinks(attachment, deps), deps.vrouter.removePorts(attachment.uid)]);
  const problems = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [messageOf(outcome.reason)] : []));
  if (problems.length === 0) await deps.journal.delete(attachment);
  else
    deps.log.warn(
      { namespace: attachment.namespace, pod: attachment.pod, problems },
      'a release is to be finished later',
    );
}

async function removeLinks(attachment: Attachment, deps: AgentDeps): Promise<void> {
  const present = attachment.taps.map(({ tap }) => tap).filter((tap) => deps.hasDevice(tap));
  if (present.length === 0) return;
  try {
    await deps.netlink.onHost(present.flatMap(removalLines));
  } catch (error) {
    // The sandbox's namespace may have gone meanwhile and taken the pair with it.
    if (present.some((tap) => deps.hasDevice(tap))) throw error;
  }
}
