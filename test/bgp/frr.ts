/** A router outside: FRR in a network namespace, which is another speaker than ours. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../workers/programs.ts';

const PROGRAMS = '/usr/lib/frr';

/** Whether this machine has both speakers. */
export const hasSpeakers = existsSync(`${PROGRAMS}/bgpd`) && existsSync('/usr/sbin/bird');

export interface Frr {
  /** The answer to a command of vtysh's that ends with `json`. */
  readonly ask: (command: string) => unknown;
  readonly stop: () => void;
}

/**
 * Starts zebra, bfdd and bgpd with a configuration in a namespace, one after the other: bfdd and bgpd ask for zebra's socket once, and
 * then no sooner than after ten seconds; and bgpd's peers reach bfdd through zebra, where bfdd must be known by then. Ends when bgpd
 * answers, so that nobody is refused at its port.
 */
export async function startFrr(namespace: string, config: string): Promise<Frr> {
  const folder = mkdtempSync(join(tmpdir(), 'oc-frr-'));
  const [file, sockets] = [join(folder, 'frr.conf'), join(folder, 'run')];
  writeFileSync(file, config);
  mkdirSync(sockets);
  // Its programs leave root's rights, and do not run without a user of their own.
  execFileSync('chown', ['-R', 'frr:frr', folder]);
  const start = (name: string, extra: readonly string[] = []): ChildProcess => {
    const own = ['-P', '0', '-f', file, '-i', join(folder, `${name}.pid`), '-z', join(folder, 'zserv')];
    const args = ['netns', 'exec', namespace, `${PROGRAMS}/${name}`, ...own, '--vty_socket', sockets, ...extra];
    return spawn('ip', args, { stdio: 'ignore' });
  };
  const tell = (command: string): string =>
    execFileSync('vtysh', ['--vty_socket', sockets, '-c', command], { stdio: ['ignore', 'pipe', 'ignore'] }).toString();
  const programs = [start('zebra')];
  const hasClient = async (name: string): Promise<boolean> => tell('show zebra client summary').includes(name);
  const stop = (): void => {
    for (const program of programs) program.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  };
  try {
    // zebra answers after it has opened its socket, and knows of bfdd when that has asked for it.
    await eventually(() => hasClient('Name'));
    programs.push(start('bfdd', ['--bfdctl', join(folder, 'bfdctl')]));
    await eventually(() => hasClient('bfd'));
    programs.push(start('bgpd'));
    await eventually(async () => tell('show bgp summary json').startsWith('{'));
  } catch (error) {
    stop();
    throw error;
  }
  return {
    ask: (command) => {
      try {
        return JSON.parse(tell(command));
      } catch {
        return {}; // It is not yet there, and whoever asks waits.
      }
    },
    stop,
  };
}
