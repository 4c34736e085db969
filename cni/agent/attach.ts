/**
 * ADD: wait for the pod's port, make its interface, and bind it to the vRouter.
 *
 *   ports annotation ──► host end up ──► (pod end configured ‖ vRouter has routes and policy) ──► result
 *                                 any failure ──► detach, so that nothing half-made stays
 *
 * The pod's first instruction runs after the result, so it is isolated before it can send (design rule 9).
 */
import { messageOf } from '../../runtime/errors.ts';
import type { CniRequest } from '../protocol.ts';
import type { AgentDeps } from './deps.ts';
import { removeAttachment } from './detach.ts';
import { CniFailure } from './failure.ts';
import { type Interface, interfacesOf } from './interface.ts';
import type { Attachment } from './journal.ts';
import { hostLines, podCommandsV6, podLines } from './link-text.ts';
import type { AssignedPod } from './pods.ts';
import { podOf, type SandboxRequest, sandboxOf } from './request.ts';
import { addResult } from './result.ts';

/** Plumbs one container interface and answers the specification's result; throws a `CniFailure` and leaves nothing. */
export async function attach(
  request: CniRequest,
  deps: AgentDeps,
  signal: AbortSignal,
): Promise<Readonly<Record<string, unknown>>> {
  const sandbox = sandboxOf(request);
  const pod = podOf(request);
  const assigned = await deps.pods.waitForPorts(pod, { timeoutMs: deps.portTimeoutMs, signal });
  const interfaces = interfacesOf(assigned.ports, {
    ifname: sandbox.ifname,
    podMtu: deps.podMtu(),
    oneByOne: deps.oneByOne,
  });
  const attachment = attachmentOf(sandbox, { ...pod, uid: assigned.uid }, interfaces);
  return await deps.locks.hold(`${pod.namespace}/${pod.name}`, async () => {
    signal.throwIfAborted();
    await supersede(attachment, deps);
    await deps.journal.put(attachment);
    try {
      await plumb({ sandbox, assigned, interfaces, attachment }, deps, signal);
    } catch (error) {
      await removeAttachment(attachment, deps);
      throw error;
    }
    return addResult(interfaces, { cniVersion: request.cniVersion, netns: sandbox.netns });
  });
}

interface Plumbing {
  readonly sandbox: SandboxRequest;
  readonly assigned: AssignedPod;
  readonly interfaces: readonly Interface[];
  readonly attachment: Attachment;
}

async function plumb(plumbing: Plumbing, deps: AgentDeps, signal: AbortSignal): Promise<void> {
  const { sandbox, interfaces } = plumbing;
  await made(async () => await deps.netlink.onHost(interfaces.flatMap((port) => hostLines(port, sandbox.netns))));
  const configured = made(async () => {
    await deps.netlink.inNamespace(sandbox.netns, podLines(interfaces));
    for (const command of podCommandsV6(interfaces)) await deps.netlink.read(sandbox.netns, command);
  });
  const programmed = Promise.all(interfaces.map(async (port) => await program(port, { ...plumbing, signal }, deps)));
  // Both end before anything is undone: an undo must not race what it undoes.
  for (const outcome of await Promise.allSettled([configured, programmed])) {
    if (outcome.status === 'rejected') throw outcome.reason;
  }
}

async function made(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw new CniFailure('interfaceNotMade', `cannot make the pod's interface: ${messageOf(error)}`, { cause: error });
  }
}

async function program(
  port: Interface,
  context: Plumbing & { readonly signal: AbortSignal },
  deps: AgentDeps,
): Promise<void> {
  const { sandbox, attachment, signal } = context;
  const body = {
    'vm-id': sandbox.containerId,
    'vm-uuid': attachment.uid,
    'vm-name': deps.vmName(attachment.namespace, attachment.pod),
    'host-ifname': port.tap,
    'vm-ifname': port.name,
    'vm-namespace': sandbox.netns,
    'vn-uuid': port.networkId,
    'vmi-uuid': port.vmi,
  };
  try {
    await deps.vrouter.addPort(body, { timeoutMs: deps.vrouterTimeoutMs, signal });
  } catch (error) {
    signal.throwIfAborted();
    const seconds = Math.round(deps.vrouterTimeoutMs / 1000);
    const message = `the vRouter has not programmed port ${port.vmi} of ${attachment.namespace}/${attachment.pod} within ${seconds} s`;
    throw new CniFailure('portNotProgrammed', message, { cause: error, details: messageOf(error) });
  }
}

/** An older sandbox of the pod holds the same host ends: it is dead or dying, and its own DEL must find nothing of ours. */
async function supersede(attachment: Attachment, deps: AgentDeps): Promise<void> {
  const taps = new Set(attachment.taps.map(({ tap }) => tap));
  const older = deps.journal.list().filter(({ taps: held }) => held.some(({ tap }) => taps.has(tap)));
  for (const record of older) await deps.journal.delete(record);
  const present = [...taps].filter((tap) => deps.hasDevice(tap));
  if (present.length === 0) return;
  deps.log.info(
    { namespace: attachment.namespace, pod: attachment.pod, taps: present },
    'an older sandbox is superseded',
  );
  await made(async () => await deps.netlink.deleteDevices(present));
}

function attachmentOf(
  sandbox: SandboxRequest,
  pod: { readonly namespace: string; readonly name: string; readonly uid: string },
  interfaces: readonly Interface[],
): Attachment {
  return {
    containerId: sandbox.containerId,
    ifname: sandbox.ifname,
    netns: sandbox.netns,
    namespace: pod.namespace,
    pod: pod.name,
    uid: pod.uid,
    taps: interfaces.map(({ tap, vmi, name, addresses }) => ({ tap, vmi, name, addresses: [...addresses] })),
    state: 'attached',
  };
}
