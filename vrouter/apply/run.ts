/** Running `nft`, `ip`, `conntrack` and `tcpdump`: to their end, for as long as they are told things, or for what they write. */
import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { SessionProgram } from '../../runtime/session.ts';

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end with `input` on stdin; resolves whatever its exit code is, rejects when it cannot start. */
export type Run = (command: readonly [string, ...string[]], input?: string | Uint8Array) => Promise<Finished>;

/** Runs on this host, in this process's network namespace. */
export const runHere: Run = async ([program, ...args], input = '') =>
  new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.on('error', reject);
    // A program that exits before it has read everything closes the pipe: its exit code tells the story.
    child.stdin.on('error', () => undefined);
    child.on('close', (code) =>
      resolve({ code: code ?? 1, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }),
    );
    child.stdin.end(input);
  });

/** Starts a program that stays; it is to write everything to its standard output. */
export function startHere([program = '', ...args]: readonly string[]): SessionProgram {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'] });
  child.stdout.setEncoding('utf8');
  // What it was told last is lost with it, which its end tells.
  child.stdin.on('error', () => undefined);
  return {
    stdin: child.stdin,
    onText: (take) => void child.stdout.on('data', take),
    ended: new Promise((resolve) => child.once('error', resolve).once('close', resolve)),
    kill: () => void child.kill(),
  };
}

/** A program whose output is taken as it comes. */
export interface Streaming {
  readonly stdout: Readable;
  /** Settles when it has ended, or could not be started. */
  readonly ended: Promise<Omit<Finished, 'stdout'>>;
  readonly kill: () => void;
}

/** Starts a program on this host whose output may be long. */
export function streamHere([program, ...args]: readonly [string, ...string[]]): Streaming {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return {
    stdout: child.stdout,
    ended: new Promise((resolve) =>
      child
        .once('error', ({ message }) => resolve({ code: 1, stderr: `${program}: ${message}` }))
        .once('close', (code) => resolve({ code: code ?? 1, stderr })),
    ),
    kill: () => void child.kill(),
  };
}

/** The standard output, or an error with what the program said. */
export async function output(
  run: Run,
  command: readonly [string, ...string[]],
  input?: string | Uint8Array,
): Promise<string> {
  const finished = await run(command, input);
  if (finished.code !== 0)
    throw new Error(`${command.join(' ')}: ${finished.stderr.trim() || `exit code ${finished.code}`}`);
  return finished.stdout;
}
