/** The journal of releases that the agent could not take: DEL succeeds without it (design rule 10). */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CniRequest, releaseFileName } from '../protocol.ts';

/** Writes the release down, whole or not at all; answers why it could not, or `undefined` once it is written. */
export function journalRelease(request: CniRequest, folder: string): string | undefined {
  const name = releaseFileName(request.containerId ?? '', request.ifname ?? '');
  const draft = join(folder, `.${name}.${process.pid}`);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(draft, JSON.stringify(request), { mode: 0o600 });
    renameSync(draft, join(folder, name));
    return undefined;
  } catch (error) {
    return String(error);
  }
}
