/** Batches of `ip` commands, on the host and in pods' network namespaces. */
import { createIpSession } from './ip-session.ts';
import { NetlinkError, runProgram } from './netlink.ts';
import { createWarmPrograms } from './warm-programs.ts';

/** Every method throws a `NetlinkError` that names the command at fault. */
export interface Netlink {
  readonly onHost: (lines: readonly string[]) => Promise<void>;
  /** Deletes devices of the host. The kernel takes some 20 ms for each, so these do not queue up before `onHost`. */
  readonly deleteDevices: (names: readonly string[]) => Promise<void>;
  /** In the network namespace at this path; stops at the first command that fails. */
  readonly inNamespace: (netns: string, lines: readonly string[]) => Promise<void>;
  /** The text that one `ip` command prints in a namespace; never JSON, which is unsafe for routes (facts, datapath 1.15). */
  readonly read: (netns: string, args: readonly string[]) => Promise<string>;
  /** Ends the processes that wait for work. */
  readonly close: () => void;
}

/**
 * The real thing; `ip` and `nsenter` are found by PATH. `host` is the path of the network namespace that counts as the
 * host's, where that is not this process's own.
 */
export function createNetlink(host?: string): Netlink {
  const prefix = host === undefined ? [] : ['nsenter', `--net=${host}`];
  const session = createIpSession(prefix);
  const warm = createWarmPrograms();
  return {
    onHost: session.run,
    deleteDevices: async (names) => {
      const lines = names.map((name) => `link delete dev ${name}`);
      await named(
        lines,
        async () => void (await runProgram([...prefix, 'ip', '-batch', '-'], `${lines.join('\n')}\n`)),
      );
    },
    inNamespace: async (netns, lines) => await named(lines, async () => await warm.run(netns, lines)),
    read: async (netns, args) => await runProgram(['nsenter', `--net=${netns}`, 'ip', ...args], ''),
    close: () => {
      session.close();
      warm.close();
    },
  };
}

/** `ip -batch` names the line that failed by number; a reader wants the line. */
async function named(lines: readonly string[], work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const number = error instanceof NetlinkError ? /Command failed -:(\d+)/.exec(error.message)?.[1] : undefined;
    const line = number === undefined ? undefined : lines[Number(number) - 1];
    throw line === undefined ? error : new NetlinkError(`"ip ${line}" failed: ${String(error)}`, { cause: error });
  }
}
