/** The BIRD that this program keeps: started once, and told of another configuration without an end to its sessions. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../../runtime/log.ts';
import { command } from './control.ts';
import { sessionStates, type SessionState } from './sessions.ts';

export interface Keeper {
  /** Makes BIRD run a configuration; resolves when it does. Throws what BIRD says of one that it refuses, and keeps the old one. */
  readonly serve: (text: string) => Promise<'unchanged' | 'started' | 'reloaded'>;
  readonly sessions: () => Promise<ReadonlyMap<string, SessionState>>;
  /** Ends BIRD. Gracefully means: neighbors that agreed to it, and the kernel, keep the routes for a while. */
  readonly stop: (how: { readonly gracefully: boolean }) => Promise<void>;
}

export interface KeeperOptions {
  readonly log: Logger;
  readonly onEnd: () => void;
  /** How BIRD is started. */
  readonly program?: readonly [string, ...string[]];
}

const START_MS = 10_000;

/** Files and socket lie in `folder`. Nothing is started before the first configuration; `onEnd` is called when BIRD ends by itself. */
export function createKeeper(folder: string, { log, onEnd, program = ['bird'] }: KeeperOptions): Keeper {
  const [file, socket] = [join(folder, 'bird.conf'), join(folder, 'bird.ctl')];
  let running: { readonly text: string; readonly bird: Bird } | undefined;
  const sessions: Keeper['sessions'] = async () =>
    sessionStates(running === undefined ? '' : await command(socket, 'show protocols all'));
  return {
    async serve(text) {
      if (running?.text === text) return 'unchanged';
      await put(file, text);
      if (running === undefined) {
        const bird = await startBird(program, { file, socket, log });
        running = { text, bird };
        void bird.ended.then(onEnd);
        return 'started';
      }
      const limited = [...(await sessions())].filter(([, { isLimited }]) => isLimited);
      await command(socket, `configure "${file}"`);
      running = { ...running, text };
      // What was beyond the limit is not told again by itself, when the limit is another. A session that is gone is not reloaded.
      for (const [name] of limited) await command(socket, `reload in ${name}`).catch(() => '');
      return 'reloaded';
    },
    sessions,
    async stop({ gracefully }) {
      if (running === undefined) return;
      const { bird } = running;
      if (gracefully) await command(socket, 'graceful restart').catch(() => bird.end());
      else bird.end();
      await bird.ended;
    },
  };
}

/** It may hold passwords. */
async function put(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

interface Bird {
  readonly ended: Promise<void>;
  readonly end: () => void;
}

/** `-R` lets what an earlier run has left in the kernel stand until the neighbors have told everything again. */
async function startBird(
  [program, ...args]: readonly [string, ...string[]],
  { file, socket, log }: { readonly file: string; readonly socket: string; readonly log: Logger },
): Promise<Bird> {
  const child = spawn(program, [...args, '-f', '-R', '-c', file, '-s', socket], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = `${said}${text}`.slice(-2000);
    log.debug({ text: text.trim() }, 'bird');
  });
  const ended = once(child, 'close').then(() => undefined);
  const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;
  for (const until = performance.now() + START_MS; performance.now() < until && !isOver(); await sleep(20)) {
    const answer = await command(socket, 'show status').catch(() => '');
    if (answer !== '') return { ended, end: () => void child.kill('SIGTERM') };
  }
  child.kill('SIGKILL');
  throw new Error(`BIRD does not start: ${said.trim()}`);
}
