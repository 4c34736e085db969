/** Which reference plugins run after ours on this node, and the versions of the specification that all of them speak. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CNI_VERSIONS } from '../protocol.ts';
import { runProgram } from './netlink.ts';

export interface Chain {
  /** Those that the node has, in the order in which they were asked for. */
  readonly plugins: readonly string[];
  /** Those that it has not. */
  readonly missing: readonly string[];
  /** A configuration is run with one version for all of its plugins: these are left. */
  readonly versions: readonly string[];
}

/** What the last release of the reference plugins speaks that nobody could ask. */
const ASSUMED: readonly string[] = ['0.3.1', '0.4.0', '1.0.0'];

/** Looks for the plugins in the folder of the runtime's and asks each for its versions. */
export async function chainOn(binDir: string, wanted: readonly string[]): Promise<Chain> {
  const plugins = wanted.filter((name) => binDir !== '' && existsSync(join(binDir, name)));
  let versions: readonly string[] = CNI_VERSIONS;
  for (const name of plugins) {
    const spoken = await versionsOf(join(binDir, name));
    versions = versions.filter((version) => spoken.includes(version));
  }
  return { plugins, missing: wanted.filter((name) => !plugins.includes(name)), versions };
}

async function versionsOf(plugin: string): Promise<readonly string[]> {
  try {
    const text = await runProgram(['env', 'CNI_COMMAND=VERSION', plugin], '');
    const answer: unknown = JSON.parse(text);
    const hasVersions = typeof answer === 'object' && answer !== null && 'supportedVersions' in answer;
    return hasVersions && Array.isArray(answer.supportedVersions) ? answer.supportedVersions.map(String) : ASSUMED;
  } catch {
    return ASSUMED; // A plugin of another libc does not run in our container; on the host it may.
  }
}
