/** Takes the lab down to the last trace: by what it finds, not by what was noted, so a killed lab is cleaned as well. */
import { existsSync, readdirSync, rmSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from './command.ts';
import { disksReleased } from './disk.ts';
import { alone } from './lock.ts';
import { runningMachines, stopMachine } from './machine.ts';
import { labPrefix } from './names.ts';
import { labDir } from './paths.ts';
import { stopOutsideRelays } from './relay.ts';

/** Ends all machines of this checkout's lab, removes their namespaces, control groups and the lab's folder. */
export async function takeDown(): Promise<void> {
  await alone(async () => {
    stopOutsideRelays();
    await Promise.all(runningMachines().map(stopMachine));
    for (const netns of labNetns()) await run('ip', ['netns', 'delete', netns]);
    for (const folder of labCgroups()) await removeCgroup(folder);
    await disksReleased(labDir);
    rmSync(labDir, { recursive: true, force: true });
  });
}

/** The network namespaces of this lab that exist. */
export function labNetns(): readonly string[] {
  return existsSync('/run/netns') ? readdirSync('/run/netns').filter((name) => name.startsWith(labPrefix)) : [];
}

/** The control groups of this lab's nodes that exist, in every hierarchy. */
export function labCgroups(): readonly string[] {
  const root = '/sys/fs/cgroup';
  const hierarchies = [root, ...folders(root)];
  return hierarchies.flatMap((dir) => folders(dir).filter((folder) => folder.startsWith(join(dir, labPrefix))));
}

/** A group can be removed once its last process has been reaped, which the kernel does in its own time. */
async function removeCgroup(folder: string, attempts = 100): Promise<void> {
  for (const child of folders(folder)) await removeCgroup(child);
  for (let attempt = 1; existsSync(folder); attempt += 1) {
    try {
      rmdirSync(folder);
    } catch (error) {
      if (attempt === attempts) throw error;
      await sleep(50);
    }
  }
}

function folders(dir: string): readonly string[] {
  return readdirSync(dir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(dir, entry.name));
}
