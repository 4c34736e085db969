/** What the agent has plumbed, one file per container interface, so that a restart and an offline DEL find it again. */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { releaseFileName } from '../protocol.ts';

const AttachmentSchema = z.object({
  containerId: z.string(),
  ifname: z.string(),
  netns: z.string(),
  namespace: z.string(),
  pod: z.string(),
  uid: z.string(),
  /** The interfaces made for it, by their host ends. */
  taps: z.array(z.object({ tap: z.string(), vmi: z.string(), name: z.string(), addresses: z.array(z.string()) })),
  /** `releasing`: its end was asked for and is not finished. */
  state: z.enum(['attached', 'releasing']),
});

/** One container interface of one sandbox of one pod. */
export type Attachment = Readonly<z.infer<typeof AttachmentSchema>>;

export interface Journal {
  readonly get: (containerId: string, ifname: string) => Attachment | undefined;
  readonly list: () => readonly Attachment[];
  /** Resolves once the record is on disk, whole. */
  readonly put: (attachment: Attachment) => Promise<void>;
  readonly delete: (attachment: Pick<Attachment, 'containerId' | 'ifname'>) => Promise<void>;
}

/** Opens the journal in `folder` (made when absent). Unreadable records are skipped: what they describe is found by GC. */
export async function openJournal(folder: string): Promise<Journal> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const records = new Map<string, Attachment>();
  for (const name of (await readdir(folder)).filter((name) => name.endsWith('.json') && !name.startsWith('.'))) {
    const attachment = await readAttachment(join(folder, name));
    if (attachment !== undefined) records.set(releaseFileName(attachment.containerId, attachment.ifname), attachment);
  }
  return {
    get: (containerId, ifname) => records.get(releaseFileName(containerId, ifname)),
    list: () => [...records.values()],
    put: async (attachment) => {
      const name = releaseFileName(attachment.containerId, attachment.ifname);
      records.set(name, attachment);
      await writeFile(join(folder, `.${name}`), JSON.stringify(attachment), { mode: 0o600 });
      await rename(join(folder, `.${name}`), join(folder, name));
    },
    delete: async ({ containerId, ifname }) => {
      const name = releaseFileName(containerId, ifname);
      records.delete(name);
      await rm(join(folder, name), { force: true });
    },
  };
}

async function readAttachment(path: string): Promise<Attachment | undefined> {
  try {
    return AttachmentSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return undefined;
  }
}
