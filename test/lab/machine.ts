/**
 * A machine of the lab: a process that is the first of its own PID, mount, network, UTS and IPC namespaces, and starts
 * the machine's programs again when they end. Whoever ends that one process ends all of it, mounts and pods included;
 * so nothing about a machine has to be remembered, and it is found by its command line alone.
 */
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { initScript } from './init-script.ts';
import { netnsOf } from './names.ts';
import { binariesDir, labDir } from './paths.ts';

/** A program of a machine; `after` is a path that must exist before it is started, such as a socket. */
export interface Program {
  readonly name: string;
  readonly command: readonly string[];
  readonly after?: string;
}

/** `kind: node` has folders of its own under the host paths that Kubernetes and the chart use, and control groups. */
export interface MachineSpec {
  readonly name: string;
  readonly kind: 'plain' | 'node';
  readonly programs: readonly Program[];
  /** The machine whose network namespace it shares; its own, when not given. */
  readonly networkOf?: string;
  /** A node's disk begins as a copy of this one; empty, when not given. */
  readonly diskFrom?: string;
}

/** The folder of a machine: its init script, logs and disks. */
export function machineDir(name: string): string {
  return join(labDir, 'machines', name);
}

/** Starts a machine unless it runs, and waits until its mounts are in place. Its programs start by themselves. */
export async function startMachine(spec: MachineSpec): Promise<void> {
  if (initPid(spec.name) !== undefined) return;
  const dir = machineDir(spec.name);
  mkdirSync(join(dir, 'log'), { recursive: true });
  rmSync(join(dir, 'ready'), { force: true });
  writeFileSync(join(dir, 'init.sh'), initScript(spec), { mode: 0o755 });
  const log = openSync(join(dir, 'log', 'init.log'), 'a');
  const namespaces = ['--mount', '--pid', '--fork', '--uts', '--ipc'];
  const child = spawn(
    'nsenter',
    [
      `--net=/run/netns/${netnsOf(spec.networkOf ?? spec.name)}`,
      'unshare',
      ...namespaces,
      '/bin/bash',
      join(dir, 'init.sh'),
    ],
    { detached: true, stdio: ['ignore', log, log], cwd: '/' },
  );
  child.unref();
  closeSync(log);
  let ended = false;
  child.once('exit', () => (ended = true));
  while (!existsSync(join(dir, 'ready'))) {
    await sleep(20);
    if (ended)
      throw new Error(`machine ${spec.name} did not start:\n${readFileSync(join(dir, 'log', 'init.log'), 'utf8')}`);
  }
}

/** Ends a machine with all that runs in it. Nothing happens when it does not run. */
export async function stopMachine(name: string): Promise<void> {
  for (let pid = initPid(name); pid !== undefined; pid = initPid(name)) {
    process.kill(pid, 'SIGKILL');
    await sleep(30);
  }
}

/** The command line that runs `command` in all namespaces of a machine. Throws when it does not run. */
export function machineCommand(name: string, command: readonly string[]): readonly [string, ...string[]] {
  const pid = initPid(name);
  if (pid === undefined) throw new Error(`no machine ${name} runs; see npm run lab -- status`);
  const path = `PATH=${binariesDir()}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;
  const namespaces = ['-m', '-n', '-p', '-u', '-i'];
  return ['nsenter', '-t', String(pid), ...namespaces, '--wd=/', '--', 'env', path, ...command];
}

/** The first process of a machine, as this machine numbers it: the one with that init script that is number 1 inside. */
export function initPid(name: string): number | undefined {
  const script = join(machineDir(name), 'init.sh');
  return runningInits().find((init) => init.script === script)?.pid;
}

/** All machines of this lab that run, also those whose folder is gone. */
export function runningMachines(): readonly string[] {
  const prefix = `${join(labDir, 'machines')}/`;
  return runningInits()
    .filter(({ script }) => script.startsWith(prefix))
    .map(({ script }) => script.slice(prefix.length).replace(/\/init\.sh$/, ''));
}

function runningInits(): readonly { readonly pid: number; readonly script: string }[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map((pid) => ({ pid: Number(pid), script: initScriptOf(pid) }))
    .filter((init): init is { pid: number; script: string } => init.script !== undefined);
}

function initScriptOf(pid: string): string | undefined {
  try {
    const [program, script] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    if (program !== '/bin/bash' || script?.endsWith('/init.sh') !== true) return undefined;
    // Subshells have the same command line; only the first process of the namespace is number 1 in it.
    return /^NSpid:\s+\d+\s+(\d+\s+)*1$/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')) ? script : undefined;
  } catch {
    return undefined; // It ended while we looked.
  }
}
