/** The only file of the node agent that spawns processes: `ip`, on the host or in a pod's network namespace. */
import { spawn } from 'node:child_process';

/** Runs batches of `ip` commands. A batch stops at its first failure, which is thrown with the line that failed. */
export interface Netlink {
  readonly onHost: (lines: readonly string[]) => Promise<void>;
  /** In the network namespace at this path. */
  readonly inNamespace: (netns: string, lines: readonly string[]) => Promise<void>;
  /** The text that one `ip` command prints in a namespace; never JSON, which is unsafe for routes (facts, datapath 1.15). */
  readonly read: (netns: string, args: readonly string[]) => Promise<string>;
}

/** A batch that fails. `line` is the command at fault, where `ip` named it. */
export class NetlinkError extends Error {
  override readonly name = 'NetlinkError';
}

/**
 * The real thing; `ip` and `nsenter` are found by PATH. Throws only `NetlinkError`s. `host` is the path of the network
 * namespace that counts as the host's, where that is not this process's own.
 */
export function createNetlink(host?: string): Netlink {
  const onHost = host === undefined ? [] : ['nsenter', `--net=${host}`];
  return {
    onHost: async (lines) => {
      await batch([...onHost, 'ip', '-batch', '-'], lines);
    },
    inNamespace: async (netns, lines) => {
      await batch(['nsenter', `--net=${netns}`, 'ip', '-batch', '-'], lines);
    },
    read: async (netns, args) => await runProgram(['nsenter', `--net=${netns}`, 'ip', ...args], ''),
  };
}

async function batch(command: readonly string[], lines: readonly string[]): Promise<void> {
  try {
    await runProgram(command, `${lines.join('\n')}\n`);
  } catch (error) {
    throw explained(error, lines);
  }
}

/** `ip -batch` names the line that failed by number; a reader wants the line. */
function explained(error: unknown, lines: readonly string[]): unknown {
  const number = error instanceof NetlinkError ? /Command failed -:(\d+)/.exec(error.message)?.[1] : undefined;
  const line = number === undefined ? undefined : lines[Number(number) - 1];
  return line === undefined ? error : new NetlinkError(`"ip ${line}" failed: ${String(error)}`, { cause: error });
}

/** Runs a program to its end and answers what it printed; a non-zero exit is thrown with what it said on stderr. */
export function runProgram(command: readonly string[], input: string): Promise<string> {
  const [program = '', ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', (error) => reject(new NetlinkError(`cannot run ${program}: ${error.message}`, { cause: error })));
    child.on('close', (code) => {
      if (code === 0) resolve(stdout);
      else reject(new NetlinkError(stderr.trim().replaceAll('\n', '; ') || `${program} ended with ${code}`));
    });
    // A program that ends before it has read its input is reported by its exit code.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}
