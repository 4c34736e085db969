/** A router outside: FRR in a network namespace, which is another speaker than ours. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PROGRAMS = '/usr/lib/frr';

/** Whether this machine has both speakers. */
export const hasSpeakers = existsSync(`${PROGRAMS}/bgpd`) && existsSync('/usr/sbin/bird');

export interface Frr {
  /** The answer to a command of vtysh's that ends with `json`. */
  readonly ask: (command: string) => unknown;
  readonly stop: () => void;
}

/** Starts zebra, bgpd and bfdd with a configuration in a namespace. */
export function startFrr(namespace: string, config: string): Frr {
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
  const programs = [start('zebra'), start('bfdd', ['--bfdctl', join(folder, 'bfdctl')]), start('bgpd')];
  return {
    ask: (command) => {
      const args = ['--vty_socket', sockets, '-c', command];
      try {
        return JSON.parse(execFileSync('vtysh', args, { stdio: ['ignore', 'pipe', 'ignore'] }).toString());
      } catch {
        return {}; // It is not yet there, and whoever asks waits.
      }
    },
    stop: () => {
      for (const program of programs) program.kill('SIGKILL');
      rmSync(folder, { recursive: true });
    },
  };
}
