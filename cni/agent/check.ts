/** CHECK: is everything that ADD promised still true? */
import { messageOf } from '../../runtime/errors.ts';
import type { CniRequest } from '../protocol.ts';
import type { AgentDeps } from './deps.ts';
import { CniFailure } from './failure.ts';
import type { Attachment } from './journal.ts';
import { hostAddress } from './link-text.ts';
import { sandboxOf } from './request.ts';

/** Throws a `CniFailure` that lists everything that is wrong; resolves when nothing is. */
export async function check(request: CniRequest, deps: AgentDeps): Promise<void> {
  const { containerId, ifname, netns } = sandboxOf(request);
  const attachment = deps.journal.get(containerId, ifname);
  if (attachment === undefined || attachment.state !== 'attached') {
    throw new CniFailure('containerUnknown', `container ${containerId} has no interface ${ifname} of ours`);
  }
  const problems = [...(await linkProblems(attachment, netns, deps)), ...(await portProblems(attachment, deps))];
  if (problems.length > 0) throw new CniFailure('checkFailed', problems.join('; '));
}

async function linkProblems(attachment: Attachment, netns: string, deps: AgentDeps): Promise<readonly string[]> {
  const problems = attachment.taps.flatMap(({ tap }) => (deps.hasDevice(tap) ? [] : [`the host end ${tap} is gone`]));
  try {
    const addresses = await deps.netlink.read(netns, ['-oneline', 'address', 'show', 'up']);
    const routes = await deps.netlink.read(netns, ['route', 'show', 'default']);
    return [
      ...problems,
      ...attachment.taps.flatMap((end) => missingAddresses(end, addresses)),
      ...missingRoute(attachment, routes),
    ];
  } catch (error) {
    return [...problems, `the pod's namespace cannot be read: ${messageOf(error)}`];
  }
}

function missingAddresses({ name, addresses }: Attachment['taps'][number], shown: string): readonly string[] {
  const lines = shown.split('\n').filter((line) => line.split(/\s+/)[1] === name);
  const missing = addresses.map(hostAddress).filter((address) => !lines.some((line) => line.includes(` ${address} `)));
  return missing.map((address) => `${name} has not the address ${address}`);
}

function missingRoute({ taps }: Attachment, shown: string): readonly string[] {
  const first = taps[0];
  const isV4 = first?.addresses.some((address) => !address.includes(':')) === true;
  return first === undefined || !isV4 || shown.includes(`dev ${first.name}`)
    ? []
    : [`${first.name} has no default route`];
}

async function portProblems(attachment: Attachment, deps: AgentDeps): Promise<readonly string[]> {
  const missing: string[] = [];
  for (const { vmi } of attachment.taps) {
    if (!(await deps.vrouter.hasPort(attachment.uid, vmi))) missing.push(`the vRouter has not programmed port ${vmi}`);
  }
  return missing;
}
