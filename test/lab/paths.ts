/** Where the lab keeps what it keeps: the cache outside the checkout, the state of a running lab inside it. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { goModules } from './binaries/programs.ts';

/** The checkout's root. */
export const checkout = join(import.meta.dirname, '..', '..');

/** State of the running lab; ignored by git, removed by `down`. */
export const labDir = join(checkout, '.lab');

/** Everything slow to make is here and survives `down`, `git clean` and a second checkout. */
export const cacheDir = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'opencontrail-lab');

/** The Kubernetes version of the lab, such as `v1.36.3`: the one line of `test/lab/kubernetes-version`. */
export function kubernetesVersion(): string {
  return readFileSync(join(import.meta.dirname, 'kubernetes-version'), 'utf8').trim();
}

/** The cache folder for exactly this set of versions and build flags. */
export function binariesDir(): string {
  const hash = createHash('sha256').update(JSON.stringify(goModules(kubernetesVersion())));
  return join(cacheDir, hash.digest('hex').slice(0, 12));
}

/** The path of a built program; it is there once `buildBinaries` has returned. */
export function binary(name: string): string {
  return join(binariesDir(), 'bin', name);
}
