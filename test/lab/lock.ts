/**
 * One command changes the lab at a time, and one run of suites uses it; programs, which all checkouts share, are built by one. The
 * lock of one that was killed is void.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cacheDir } from './paths.ts';
import { labId } from './names.ts';
import { say } from './progress.ts';

/** What a process may have for itself: changing the lab, a run of the end-to-end suites, or building the programs. */
export type Exclusive = 'changing' | 'testing' | 'building';

/** Of whom there is one on this machine, and not one of each checkout. */
const OF_ALL: ReadonlySet<Exclusive> = new Set(['building']);

/** Waits until no other process does the same to this checkout's lab, then runs `work` alone. Not for nesting in itself. */
export async function alone<T>(work: () => Promise<T>, what: Exclusive = 'changing'): Promise<T> {
  const file = join(cacheDir, `lab-${OF_ALL.has(what) ? 'all' : labId}-${what}.lock`);
  mkdirSync(cacheDir, { recursive: true });
  let told = false;
  while (!take(file)) {
    const holder = holderOf(file);
    if (holder === undefined) rmSync(file, { force: true });
    else if (!told) say(`  waiting for process ${holder}, which is ${what} the lab`);
    told = true;
    await sleep(100);
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

function take(file: string): boolean {
  try {
    writeFileSync(file, `${process.pid} ${startTimeOf(process.pid)}`, { flag: 'wx' });
    return true;
  } catch {
    return false; // Somebody holds it, or held it and died: the caller looks who.
  }
}

/** The holder, when it lives: a process with that number and that time of start. */
function holderOf(file: string): number | undefined {
  try {
    const [pid, started] = readFileSync(file, 'utf8').split(' ');
    return startTimeOf(Number(pid)) === started ? Number(pid) : undefined;
  } catch {
    return undefined; // The file or the process is gone: nobody holds it.
  }
}

/** Field 22 of /proc/<pid>/stat, counted after the command's name, which may hold anything. Throws when there is none. */
function startTimeOf(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}
