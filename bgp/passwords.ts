/** Passwords of sessions: the keys of a Secret that is mounted as a folder, so that nobody needs the right to read Secrets. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The passwords by their keys; none where there is no folder. */
export async function readPasswords(folder: string): Promise<ReadonlyMap<string, string>> {
  const names = await readdir(folder).catch(() => []);
  // The kubelet's own entries begin with two dots.
  const keys = names.filter((name) => !name.startsWith('..'));
  return new Map(
    await Promise.all(
      keys.map(async (key) => [key, (await readFile(join(folder, key), 'utf8')).replace(/\n$/, '')] as const),
    ),
  );
}
