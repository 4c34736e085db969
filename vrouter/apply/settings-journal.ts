/** What the kernel's settings were before the vRouter changed them: uninstalling puts them back. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Paths under `/proc/sys` with the value that stood there. */
export type SettingsBefore = Readonly<Record<string, string>>;

/** Adds to `<directory>/sysctls.json`; what it holds already is older and stays. */
export async function rememberSettings(directory: string, before: SettingsBefore): Promise<void> {
  if (Object.keys(before).length === 0) return;
  const file = join(directory, 'sysctls.json');
  // Absent or torn: what is known now is the best there is.
  const known = await readFile(file, 'utf8').then(
    (text) => JSON.parse(text) as SettingsBefore,
    () => ({}),
  );
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writeFile(`${file}.new`, JSON.stringify({ ...before, ...known }), { mode: 0o600 });
  await rename(`${file}.new`, file);
}
