/** The last applied document on disk, so that a restarted vRouter changes only what differs (design rule 8). */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KernelDocument } from '../linux/document.ts';

/** A document and the generation number that its transaction left in the kernel. */
interface Journalled {
  readonly generation: number;
  readonly document: Pick<KernelDocument, 'skeleton' | 'declarations' | 'sets'>;
}

export interface Journal {
  /** The journalled document, or `undefined` when there is none that can be read. */
  readonly read: () => Promise<Journalled | undefined>;
  /** Writes an entry behind the caller's back, or a later one instead: what a kill leaves unwritten is loaded anew. */
  readonly note: (entry: Journalled) => void;
  /** Resolves once what was noted is on disk. */
  readonly close: () => Promise<void>;
}

/** How long an entry waits for later ones, since each write takes the whole document. */
const PAUSE_MS = 1000;

/** A journal in `directory`, written atomically. `onError` is told why it could not be. */
export function createJournal(directory: string, onError: (error: unknown) => void = () => undefined): Journal {
  const file = join(directory, 'applied.json');
  const closing = new AbortController();
  let noted: Journalled | undefined;
  let writing: Promise<void> | undefined;
  const writeAll = async (): Promise<void> => {
    while (noted !== undefined) {
      // Closing ends the pause.
      await sleep(PAUSE_MS, undefined, { signal: closing.signal, ref: false }).catch(() => undefined);
      const entry = noted;
      noted = undefined;
      await write(file, entry).catch(onError);
    }
    writing = undefined;
  };
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
    note(entry) {
      noted = entry;
      writing ??= writeAll();
    },
    async close() {
      closing.abort();
      await writing;
    },
  };
}

async function write(file: string, { generation, document }: Journalled): Promise<void> {
  const onDisk: OnDisk = {
    generation,
    skeleton: document.skeleton,
    declarations: [...document.declarations],
    sets: [...document.sets].map(([name, elements]) => [name, [...elements]]),
  };
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeFile(`${file}.new`, JSON.stringify(onDisk), { mode: 0o600 });
  await rename(`${file}.new`, file);
}

interface OnDisk {
  readonly generation: number;
  readonly skeleton: string;
  readonly declarations: readonly (readonly [string, readonly string[]])[];
  readonly sets: readonly (readonly [string, readonly (readonly [string, string])[]])[];
}
