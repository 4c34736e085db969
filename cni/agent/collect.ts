/** GC and the agent's own sweep: release what nobody holds, once its pod is proven dead. */
import { existsSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../runtime/errors.ts';
import { type CniRequest, releaseFileName } from '../protocol.ts';
import type { AgentDeps } from './deps.ts';
import { release } from './detach.ts';
import { CniFailure } from './failure.ts';
import type { Attachment } from './journal.ts';

/**
 * GC (specification, section 2): releases attachments that the runtime does not name, where the API server confirms
 * that the pod of that UID is gone. One that lives keeps its port: the runtime's list may be older than its sandbox.
 */
export async function collect(request: CniRequest, deps: AgentDeps): Promise<void> {
  const valid = validAttachments(request.config['cni.dev/valid-attachments'] ?? request.config['cni.dev/attachments']);
  const unnamed = deps.journal
    .list()
    .filter(({ containerId, ifname }) => !valid.has(releaseFileName(containerId, ifname)));
  for (const attachment of unnamed) await releaseDead(attachment, deps);
}

/** Finishes what earlier commands could not: journalled and interrupted releases, and sandboxes nobody deleted. */
export async function sweep(releaseDir: string, deps: AgentDeps): Promise<void> {
  await finishReleases(releaseDir, deps);
  for (const attachment of deps.journal.list()) {
    if (attachment.state === 'releasing') await release(attachment, deps);
    // After a reboot, or when DEL was never called, the namespace is gone and the record is not.
    else if (!existsSync(attachment.netns)) await releaseDead(attachment, deps);
  }
}

async function releaseDead(attachment: Attachment, deps: AgentDeps): Promise<void> {
  const { namespace, pod, uid } = attachment;
  if (!(await deps.pods.isGone({ namespace, name: pod, uid }))) return;
  deps.log.info({ namespace, pod, uid, containerId: attachment.containerId }, 'an abandoned port is released');
  await release(attachment, deps);
}

/** The plugin wrote these while the agent was down; a file goes once its release is done or on the agent's own list. */
async function finishReleases(folder: string, deps: AgentDeps): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names.filter((name) => name.endsWith('.json') && !name.startsWith('.'))) {
    const path = join(folder, name);
    try {
      // Written by our own plugin from a request that it had checked.
      const { containerId, ifname } = JSON.parse(await readFile(path, 'utf8')) as CniRequest;
      if (containerId !== undefined && ifname !== undefined) await release({ containerId, ifname }, deps);
      await rm(path, { force: true });
    } catch (error) {
      deps.log.warn({ file: name, reason: messageOf(error) }, 'a journalled release cannot be read');
    }
  }
}

function validAttachments(value: unknown): ReadonlySet<string> {
  if (!Array.isArray(value)) {
    throw new CniFailure('invalidConfig', 'GC without the list cni.dev/valid-attachments');
  }
  // Checked field by field: the runtime's list is the only input of this command.
  const entries = value as readonly { readonly containerID?: unknown; readonly ifname?: unknown }[];
  return new Set(entries.map(({ containerID, ifname }) => releaseFileName(String(containerID), String(ifname))));
}
