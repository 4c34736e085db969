/** DEL: take a container interface away again, whatever of it is there (design rule 10). */
import { messageOf } from '../../runtime/errors.ts';
import type { CniRequest } from '../protocol.ts';
import type { AgentDeps } from './deps.ts';
import type { Attachment } from './journal.ts';
import { required } from './request.ts';

/** Releases what ADD made for this container interface; fine when there is nothing. What cannot be finished now is later. */
export async function detach(request: CniRequest, deps: AgentDeps): Promise<void> {
  const containerId = required(request.containerId, 'CNI_CONTAINERID');
  const ifname = required(request.ifname, 'CNI_IFNAME');
  await release({ containerId, ifname }, deps);
}

/**
 * The same for whoever knows the container interface alone. Serialised with every other command for its pod. Resolves
 * once the vRouter has cut the port off, or the release is on record to be finished; the kernel may take some 20 ms more to
 * dismantle the pair, which is what the runtime's own removal of the namespace would do too. The pod's lock is held until then.
 */
export async function release(which: Pick<Attachment, 'containerId' | 'ifname'>, deps: AgentDeps): Promise<void> {
  const known = deps.journal.get(which.containerId, which.ifname);
  if (known === undefined) return;
  const cutOff = Promise.withResolvers<void>();
  const finished = deps.locks.hold(`${known.namespace}/${known.pod}`, async () => {
    // An ADD for a newer sandbox may have superseded it while we waited.
    const attachment = deps.journal.get(which.containerId, which.ifname);
    if (attachment !== undefined) await removeAttachment(attachment, deps, cutOff.resolve);
  });
  await Promise.race([finished, cutOff.promise]);
  finished.catch((error: unknown) => deps.log.error({ error }, 'a release failed'));
}

/** Removes the vRouter's port, the links and the record; the caller holds the pod's lock. Rejects only where the disk does. */
export async function removeAttachment(
  attachment: Attachment,
  deps: AgentDeps,
  cutOff: () => void = () => undefined,
): Promise<void> {
  if (attachment.state !== 'releasing') await deps.journal.put({ ...attachment, state: 'releasing' });
  const port = deps.vrouter.removePorts(attachment.uid, attachment.containerId).finally(cutOff);
  const outcomes = await Promise.allSettled([port, removeLinks(attachment, deps)]);
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
    await deps.netlink.deleteDevices(present);
  } catch (error) {
    // The sandbox's namespace may have gone meanwhile and taken the pair with it.
    if (present.some((tap) => deps.hasDevice(tap))) throw error;
  }
}
