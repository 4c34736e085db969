/** The CNI configuration on the host: written last and whole, taken away when the node cannot serve. */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Chain } from './chain.ts';
import { CNI_VERSIONS, DEFAULT_RELEASE_DIR, DEFAULT_SOCKET } from '../protocol.ts';

export const CONFLIST_NAME = '10-opencontrail.conflist';
export const PLUGIN_NAME = 'opencontrail-cni';

/**
 * The configuration. Runtimes that know `cniVersions` choose the newest they have (1.1.0 brings GC and STATUS); older
 * ones read `cniVersion`. Pure.
 */
export function conflistText(options: {
  readonly socket: string;
  readonly releaseDir: string;
  /** Reference plugins that run after ours, in their order; those that are not known are left out. */
  readonly chain?: Pick<Chain, 'plugins' | 'versions'>;
  /** Sysctls of pods' network namespaces, for `tuning`. */
  readonly sysctls?: Readonly<Record<string, string>>;
}): string {
  const { socket, releaseDir, chain = { plugins: [], versions: CNI_VERSIONS }, sysctls = {} } = options;
  const plugin = {
    type: PLUGIN_NAME,
    ...(socket === DEFAULT_SOCKET ? {} : { socket }),
    ...(releaseDir === DEFAULT_RELEASE_DIR ? {} : { releaseDir }),
  };
  const plugins = [plugin, ...chain.plugins.flatMap((type) => chainedPlugin(type, sysctls) ?? [])];
  const versions = chain.versions.filter((version) => version >= '0.4.0');
  return `${JSON.stringify({ cniVersion: '1.0.0', cniVersions: versions, name: 'opencontrail', plugins }, undefined, 2)}\n`;
}

/** What a reference plugin is told; `undefined` where it would have nothing to do. */
function chainedPlugin(type: string, sysctls: Readonly<Record<string, string>>): object | undefined {
  switch (type) {
    case 'portmap':
      return { type, capabilities: { portMappings: true }, snat: true };
    case 'bandwidth':
      return { type, capabilities: { bandwidth: true } };
    case 'tuning':
      return Object.keys(sysctls).length === 0 ? undefined : { type, sysctl: sysctls };
    default:
      return undefined;
  }
}

/** Puts `text` at `path` in one step, unless it is there already. Answers whether it wrote. */
export async function installFile(path: string, content: string | Buffer, mode: number): Promise<boolean> {
  const wanted = Buffer.from(content);
  const present = await readFile(path).catch(() => undefined);
  if (present?.equals(wanted) === true) return false;
  await mkdir(dirname(path), { recursive: true });
  const draft = join(dirname(path), `.opencontrail-${process.pid}.tmp`);
  await writeFile(draft, wanted, { mode });
  await rename(draft, path);
  return true;
}

/** What the keeper of the configuration file works with. */
export interface ConflistKeeper {
  /** Where the file belongs. */
  readonly path: string;
  readonly text: string;
  /** How long the node may be unable to serve before the file goes, in milliseconds. A restart is shorter than this. */
  readonly graceMs: number;
}

export type ConflistState = { readonly since: number | undefined };

/**
 * One look: the node serves → the file is there; it has not served for the whole grace period → the file is gone.
 * `now` is a monotonic clock in milliseconds. Answers what happened and the state for the next look.
 */
export async function keepConflist(
  keeper: ConflistKeeper,
  look: { readonly unready: string | undefined; readonly now: number; readonly state: ConflistState },
): Promise<{ readonly state: ConflistState; readonly did: 'wrote' | 'removed' | 'nothing' }> {
  if (look.unready === undefined) {
    const wrote = await installFile(keeper.path, keeper.text, 0o644);
    return { state: { since: undefined }, did: wrote ? 'wrote' : 'nothing' };
  }
  const since = look.state.since ?? look.now;
  if (look.now - since < keeper.graceMs) return { state: { since }, did: 'nothing' };
  const present = await readFile(keeper.path).catch(() => undefined);
  await rm(keeper.path, { force: true });
  return { state: { since }, did: present === undefined ? 'nothing' : 'removed' };
}
