/** The HAProxy that this program keeps: a master, which lives as long as we do, and workers, one for each configuration. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../../runtime/log.ts';
import { command } from './runtime-api.ts';

export interface Haproxy {
  /** Takes up the configuration that now lies in its file: resolves when it is running, and older connections only end. */
  readonly reload: (generation: string) => Promise<void>;
  /** Resolves when the master has ended, by whomever. */
  readonly ended: Promise<void>;
  /** Lets connections end, and resolves when all have, or at the latest after the configuration's time for that. */
  readonly stop: () => Promise<void>;
}

export interface HaproxyOptions {
  readonly configFile: string;
  /** The socket that the configuration names for commands. */
  readonly socket: string;
  readonly log: Logger;
}

/** How long a start or a reload may take; with ten thousand back ends it takes two seconds. */
const RELOAD_MS = 60_000;

/** A master that is still taking up a configuration loses signals, though the new worker serves already. */
const RELOAD_AGAIN_MS = 10_000;
const STOP_AGAIN_MS = 500;

/** Starts HAProxy with the configuration in the file; resolves when it serves. */
export async function startHaproxy(generation: string, options: HaproxyOptions): Promise<Haproxy> {
  const { configFile, socket, log } = options;
  await check(configFile);
  const master = spawn('haproxy', ['-W', '-f', configFile], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  master.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = text;
    log.debug({ text: text.trim() }, 'haproxy');
  });
  const ended = once(master, 'exit').then(() => undefined);
  const over = (): string | undefined =>
    master.exitCode === null && master.signalCode === null ? undefined : `HAProxy has ended: ${said.slice(-500)}`;
  await running(generation, { socket, over });
  return {
    ended,
    reload: async (next) => {
      await check(configFile);
      await insist(() => master.kill('SIGUSR2'), { everyMs: RELOAD_AGAIN_MS, until: running(next, { socket, over }) });
    },
    stop: async () => await insist(() => master.kill('SIGUSR1'), { everyMs: STOP_AGAIN_MS, until: ended }),
  };
}

/** Signals at once, and again until something has come about. */
async function insist(
  signal: () => void,
  { everyMs, until }: { readonly everyMs: number; readonly until: Promise<void> },
): Promise<void> {
  signal();
  const again = setInterval(signal, everyMs);
  await until.finally(() => clearInterval(again));
}

/** A master that is given a file with an error keeps its workers, but has no way to say so: it is asked before. */
async function check(configFile: string): Promise<void> {
  const child = spawn('haproxy', ['-c', '-f', configFile], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`HAProxy does not take its configuration: ${said.slice(-2000)}`);
}

/** Waits until who answers at the socket runs the configuration of that name. */
async function running(
  generation: string,
  { socket, over }: { readonly socket: string; readonly over: () => string | undefined },
): Promise<void> {
  for (const end = performance.now() + RELOAD_MS; performance.now() < end && over() === undefined; ) {
    const info = await command(socket, 'show info').catch(() => '');
    if (info.includes(`description: ${generation}\n`)) return;
    await sleep(20);
  }
  throw new Error(over() ?? `HAProxy takes longer than ${RELOAD_MS} ms`);
}
