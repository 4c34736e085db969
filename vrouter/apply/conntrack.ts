/**
 * Forgetting connections, by the `conntrack` program, behind the rounds: each line costs it a walk through the kernel's whole table,
 * milliseconds even where that is empty. Of many lines those are run that find something.
 */
import { messageOf } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import { neededLines } from '../linux/flow-lines.ts';
import { output } from './run.ts';
import type { Run } from './run.ts';

/** From so many on it is cheaper to list the table first. */
const MANY_LINES = 5;

/** Runs deletions as `linux/flows.ts` writes them; a line that matches nothing is fine. Throws when the program fails. */
export async function forgetFlows(run: Run, all: readonly string[]): Promise<void> {
  const lines =
    all.length < MANY_LINES ? all : neededLines(all, await output(run, ['conntrack', '-L', '-o', 'extended']));
  if (lines.length === 0) return;
  // It opens its input by name, which fails on a socket (Node's kind of pipe): hence `cat`.
  const finished = await run(['sh', '-c', 'cat | conntrack -R -'], `${lines.join('\n')}\n`);
  // The counts of each line go to stderr; only a line it cannot parse or an error of netlink ends it early.
  if (finished.code !== 0 && !/0 flow entries have been deleted/.test(finished.stderr)) {
    throw new Error(`conntrack: ${finished.stderr.trim()}`);
  }
}

export interface Forgetter {
  /** Takes deletions over; what is asked for while one process runs goes into the next. */
  readonly forget: (lines: readonly string[]) => void;
}

/** A forgetter that runs one process at a time and logs what fails: the pipeline is safe without it, only less polite. */
export function createForgetter(run: Run, log: Logger): Forgetter {
  const waiting = new Set<string>();
  let isRunning = false;
  const work = async (): Promise<void> => {
    isRunning = true;
    while (waiting.size > 0) {
      const lines = [...waiting];
      waiting.clear();
      await forgetFlows(run, lines).catch((error: unknown) => {
        log.warn({ reason: messageOf(error) }, 'cannot forget stale flows');
      });
    }
    isRunning = false;
  };
  return {
    forget(lines) {
      for (const line of lines) waiting.add(line);
      if (!isRunning && waiting.size > 0) void work();
    },
  };
}
