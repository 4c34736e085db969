/** A real Redis of a test's own, on a port the kernel picks. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface TestRedis {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Kills the server with -9 and forgets its data, unless it was started with `persist`. */
  readonly kill: () => Promise<void>;
  /** Starts it again on the same port and folder. */
  readonly restart: () => Promise<void>;
  /** Ends it and removes its folder. */
  readonly stop: () => Promise<void>;
}

/** Starts redis-server on 127.0.0.1; `persist` keeps an append-only file across `kill` and `restart`, `flags` are its own. */
export async function startRedis(
  options: { readonly persist?: boolean; readonly password?: string; readonly flags?: readonly string[] } = {},
): Promise<TestRedis> {
  const folder = mkdtempSync(join(tmpdir(), 'oc-redis-'));
  const port = await freePort();
  const persistence = options.persist ? ['--appendonly', 'yes', '--appendfsync', 'always'] : ['--appendonly', 'no'];
  const login = options.password ? ['--requirepass', options.password] : [];
  const fixed = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--loglevel', 'warning'];
  const start = async () => {
    const flags = [...fixed, ...persistence, ...login, ...(options.flags ?? [])];
    const child = spawn('redis-server', flags, { stdio: 'ignore' });
    await answers(port);
    return child;
  };
  let child = await start();
  const end = (signal: NodeJS.Signals) =>
    new Promise<void>((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) return resolve();
      child.once('exit', () => resolve());
      child.kill(signal);
    });
  return {
    url: `redis://${options.password ? `:${options.password}@` : ''}127.0.0.1:${port}/0`,
    port,
    get pid() {
      return child.pid ?? 0;
    },
    kill: () => end('SIGKILL'),
    restart: async () => {
      await end('SIGKILL');
      child = await start();
    },
    stop: async () => {
      await end('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A port that the kernel picks. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function answers(port: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true));
      socket.on('error', () => resolve(false));
      socket.on('connect', () => socket.destroy());
    });
    if (open) return;
    await sleep(20);
  }
  throw new Error(`redis-server does not answer on port ${port}`);
}
