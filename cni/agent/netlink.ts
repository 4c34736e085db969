/** The only file of the node agent that spawns processes; what they are told is in ip.ts and link-text.ts. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';

/** A program that failed, with what it said. */
export class NetlinkError extends Error {
  override readonly name = 'NetlinkError';
}

/** A program under way. */
export interface RunningProgram {
  readonly stdin: Writable;
  /** What it prints, on either stream for `merged` programs, else on stdout. */
  readonly onText: (take: (text: string) => void) => void;
  /** Resolves with stdout; rejects with a `NetlinkError` for any other exit code than 0. */
  readonly ended: Promise<string>;
  readonly kill: () => void;
  readonly alive: () => boolean;
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** Starts a program that is found by PATH. */
export function startProgram(command: readonly string[]): RunningProgram {
  const [program = '', ...args] = command;
  const child: Child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let alive = true;
  const takers: ((text: string) => void)[] = [];
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (takers.length === 0) stdout += text;
    for (const take of takers) take(text);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  // A program that ends before it has read its input is reported by its exit code.
  child.stdin.on('error', () => undefined);
  const ended = new Promise<string>((resolve, reject) => {
    child.on('error', (error) => reject(new NetlinkError(`cannot run ${program}: ${error.message}`, { cause: error })));
    child.on('close', (code) => {
      if (code === 0) resolve(stdout);
      else reject(new NetlinkError(stderr.trim().replaceAll('\n', '; ') || `${program} ended with ${code}`));
    });
  }).finally(() => {
    alive = false;
  });
  // Whoever waits for the end hears of it; a program that nobody waits for may fail unheard.
  ended.catch(() => undefined);
  return {
    stdin: child.stdin,
    onText: (take) => void takers.push(take),
    ended,
    kill: () => void child.kill(),
    alive: () => alive,
  };
}

/** Runs a program to its end and answers what it printed; a non-zero exit is thrown with what it said on stderr. */
export async function runProgram(command: readonly string[], input: string): Promise<string> {
  const program = startProgram(command);
  program.stdin.end(input);
  return await program.ended;
}
