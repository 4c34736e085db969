/** The programs of this checkout as processes of a test: config API and workers on loopback. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const ROOT = join(import.meta.dirname, '..', '..');

export interface Program {
  readonly process: ChildProcess;
  /** What it has written to stderr so far. */
  readonly log: () => string;
  readonly kill: (signal?: NodeJS.Signals) => Promise<void>;
}

/** Starts `<path>` of the checkout with flags. */
export function startProgram(path: string, flags: Readonly<Record<string, string>>): Program {
  const args = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
  const child = spawn(process.execPath, ['--no-warnings', join(ROOT, path), ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => {
    log += chunk.toString();
  });
  return {
    process: child,
    log: () => log,
    kill: async (signal = 'SIGKILL') => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill(signal);
      await gone;
    },
  };
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Asks until the answer is truthy; errors count as "not yet", and the last one is named when time runs out. */
export async function eventually<T>(probe: () => Promise<T | undefined | false>, limitMs = 60_000): Promise<T> {
  let last: unknown;
  for (const end = Date.now() + limitMs; ; await sleep(50)) {
    try {
      const answer = await probe();
      if (answer) return answer;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error('it never came true', { cause: last });
  }
}
