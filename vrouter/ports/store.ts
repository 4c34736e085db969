/** Bound ports on disk, a file per interface under its virtual machine's name (facts 6.3): what a restart replays. */
import { mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Binding } from './binding.ts';
import { bindingSchema } from './binding.ts';

export interface PortStore {
  /** Every port that can be read; a torn or foreign file is passed over. */
  readonly readAll: () => Promise<readonly Binding[]>;
  readonly write: (binding: Binding) => Promise<void>;
  /** Removes a port's file, and its folder when that was the last; fine when there is none. */
  readonly remove: (binding: Binding) => Promise<void>;
}

/** A store in `directory`, readable by root alone. */
export function createPortStore(directory: string): PortStore {
  const folderOf = (binding: Binding): string => join(directory, binding['vm-name']);
  return {
    async readAll() {
      const folders = await readdir(directory, { withFileTypes: true }).catch(() => []);
      const paths = await Promise.all(
        folders
          .filter((entry) => entry.isDirectory())
          .map(async ({ name }) => (await readdir(join(directory, name))).map((file) => join(directory, name, file))),
      );
      const bindings = await Promise.all(paths.flat().map(readBinding));
      return bindings.flatMap((binding) => binding ?? []);
    },
    async write(binding) {
      const folder = folderOf(binding);
      const file = join(folder, binding['vmi-uuid']);
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await writeFile(`${file}.new`, JSON.stringify(binding), { mode: 0o600 });
      await rename(`${file}.new`, file);
    },
    async remove(binding) {
      await rm(join(folderOf(binding), binding['vmi-uuid']), { force: true });
      // Not empty while other interfaces of the pod are bound.
      await rmdir(folderOf(binding)).catch(() => undefined);
    },
  };
}

async function readBinding(path: string): Promise<Binding | undefined> {
  try {
    return bindingSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return undefined;
  }
}
