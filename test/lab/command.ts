/** Runs other programs: to their end with their output, or with their output passed through. */
import { spawn } from 'node:child_process';
import type { SpawnOptions } from 'node:child_process';

/** What a finished program left. */
export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `env` is added to this process's own. `allowFailure`: a non-zero code is an answer, not an error. */
export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly allowFailure?: boolean;
  readonly timeoutMs?: number;
}

/** Runs a program to its end. Throws with the command line and what it said on stderr when it fails. */
export async function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Output> {
  const child = spawn(program, args, { ...spawnOptions(options), stdio: ['pipe', 'pipe', 'pipe'] });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  child.stdin.on('error', () => undefined); // A program that does not read its input is not at fault.
  child.stdin.end(options.input ?? '');
  const code = await exitCode(child);
  const output = { code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() };
  if (code !== 0 && options.allowFailure !== true) {
    throw new Error(`${program} ${args.join(' ')} ended with ${code}: ${lastLines(output.stderr || output.stdout)}`);
  }
  return output;
}

/** Runs a program with this process's own terminal; returns its exit code. */
export async function passThrough(program: string, args: readonly string[], options: RunOptions = {}): Promise<number> {
  return exitCode(spawn(program, args, { ...spawnOptions(options), stdio: 'inherit' }));
}

function spawnOptions(options: RunOptions): SpawnOptions {
  return {
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
  };
}

function exitCode(child: ReturnType<typeof spawn>): Promise<number> {
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 128)));
  });
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-15).join('\n');
}
