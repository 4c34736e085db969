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
    for (const { name, addresses: promised } of attachment.taps) {
      const lines = addresses.split('\n').filter((line) => line.split(/\s+/)[1] === name);
      for (const address of promised.map(hostAddress)) {
        if (!lines.some((line) => line.includes(` ${address} `)))
          problems.push(`${name} has not the address ${address}`);
      }
    }
    const first = attachment.taps[0];
    const isV4 = first?.addresses.some((address) => !address.includes(':')) === true;
    if (first !== undefined && isV4 && !routes.includes(`dev ${first.name}`))
      problems.push(`${first.name} has no default route`);
  } catch (error) {
    problems.push(`the pod's namespace cannot be read: ${messageOf(error)}`);
  }
  return problems;
}

async function portProblems(attachment: Attachment, deps: AgentDeps): Promise<readonly string[]> {
  const missing: string[] = [];
  for (const { vmi } of attachment.taps) {
    if (!(await deps.vrouter.hasPort(attachment.uid, vmi))) missing.push(`the vRouter has not programmed port ${vmi}`);
  }
  return missing;
}
