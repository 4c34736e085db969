/** The last applied document on disk, so that a restarted vRouter changes only what differs (design rule 8). */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KernelDocument } from '../linux/document.ts';

/** A document and the generation number that its transaction left in the kernel. */
interface Journalled {
  readonly generation: number;
  readonly document: Pick<KernelDocument, 'skeleton' | 'declarations' | 'sets'>;
}

export interface Journal {
  /** The journalled document, or `undefined` when there is none that can be read. */
  readonly read: () => Promise<Journalled | undefined>;
  readonly write: (entry: Journalled) => Promise<void>;
}

/** A journal in `directory`, written atomically. */
export function createJournal(directory: string): Journal {
  const file = join(directory, 'applied.json');
  return {
    async read() {
      try {
        // The file is our own; anything else fails the generation check and is replaced.
        const { generation, skeleton, declarations, sets } = JSON.parse(await readFile(file, 'utf8')) as OnDisk;
        const document = {
          skeleton,
          declarations: new Map(declarations),
          sets: new Map(sets.map(([name, items]) => [name, new Map(items)] as const)),
        };
        return { generation, document };
      } catch {
        // Absent or torn: the whole table is loaded instead, which is safe, only slower.
        return undefined;
      }
    },
    async write({ generation, document }) {
      const onDisk: OnDisk = {
        generation,
        skeleton: document.skeleton,
        declarations: [...document.declarations],
        sets: [...document.sets].map(([name, elements]) => [name, [...elements]]),
      };
      await mkdir(directory, { recursive: true, mode: 0o700 });
      await writeFile(`${file}.new`, JSON.stringify(onDisk), { mode: 0o600 });
      await rename(`${file}.new`, file);
    },
  };
}

interface OnDisk {
  readonly generation: number;
  readonly skeleton: string;
  readonly declarations: readonly (readonly [string, readonly string[]])[];
  readonly sets: readonly (readonly [string, readonly (readonly [string, string])[]])[];
}
