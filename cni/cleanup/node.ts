/** Cleanup on one node: the kernel, the host's folders, and the kernel settings that were changed. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf } from '../../runtime/errors.ts';
import { runProgram } from '../agent/netlink.ts';
import { devicesOfOurs, KERNEL_NAMES, removalCommands } from './traces.ts';

/** Where the pod finds the host's folders; the orchestrator mounts them so. */
export interface HostFolders {
  /** Files and folders to remove, whole. */
  readonly remove: readonly string[];
  /** The vRouter's state, which may hold the kernel settings as they were before it changed them. */
  readonly vrouterState: string;
}

/** Removes everything; answers what could not be removed and is still there. */
export async function cleanNode(folders: HostFolders): Promise<readonly string[]> {
  await restoreSettings(join(folders.vrouterState, 'sysctls.json'));
  await cleanKernel();
  for (const path of folders.remove) await removeWhole(path);
  return [...(await remainsInKernel()), ...folders.remove.filter(isLeft)];
}

/** A folder that is a mount point of its own cannot be removed, only emptied: then it is the administrator's, not ours. */
async function removeWhole(path: string): Promise<void> {
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  if (!isFolder) return await rm(path, { force: true });
  for (const name of await readdir(path)) await rm(join(path, name), { recursive: true, force: true });
  await rmdir(path).catch(() => undefined);
}

function isLeft(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  return found !== undefined && (!found.isDirectory() || readdirSync(path).length > 0);
}

async function cleanKernel(): Promise<void> {
  const shown = async (family: string): Promise<string> => await attempt(['ip', family, 'rule', 'show']);
  const devices = devicesOfOurs(await attempt(['ip', '-oneline', 'link', 'show']));
  const commands = removalCommands(devices, { v4: await shown('-4'), v6: await shown('-6') });
  for (const command of commands) await attempt(command);
}

/** What is not there cannot be removed, which is what was wanted; what stays is found by looking again. */
async function attempt(command: readonly string[]): Promise<string> {
  return await runProgram(command, '').catch(() => '');
}

async function remainsInKernel(): Promise<readonly string[]> {
  const devices = devicesOfOurs(await attempt(['ip', '-oneline', 'link', 'show']));
  const tables = await attempt(['nft', 'list', 'tables']);
  return [
    ...devices.map((name) => `device ${name}`),
    ...KERNEL_NAMES.tables.flatMap((table) => (tables.includes(`table ${table}\n`) ? [`nftables table ${table}`] : [])),
  ];
}

const SettingsSchema = z.record(z.string().regex(/^net\/[\w/.-]+$/), z.string());

/** The vRouter writes this file before it first changes a setting: path under /proc/sys → value before. */
async function restoreSettings(file: string): Promise<void> {
  if (!existsSync(file)) return;
  const before = SettingsSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  for (const [path, value] of Object.entries(before)) {
    await writeFile(join('/proc/sys', path), value).catch((error: unknown) => {
      process.stderr.write(`cleanup: ${path} stays as it is: ${messageOf(error)}\n`);
    });
  }
}
