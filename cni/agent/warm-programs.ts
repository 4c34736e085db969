/** Processes started ahead: a shell that waits to be told which namespace to enter, so that ADD does not wait for a fork. */
import { type RunningProgram, startProgram } from './netlink.ts';

/** Two commands at once are common (a Deployment scales), more are spread by the kubelet. */
const WAITING = 2;
/** The namespace's path is the first line; what follows is read by `ip`. `read` takes no byte more than its line. */
const SHELL = 'IFS= read -r netns && exec nsenter --net="$netns" ip -batch -';

export interface WarmPrograms {
  /** Runs `ip` commands in the namespace at `netns`, stopping at the first that fails. */
  readonly run: (netns: string, lines: readonly string[]) => Promise<void>;
  readonly close: () => void;
}

export function createWarmPrograms(): WarmPrograms {
  const waiting: RunningProgram[] = [];
  let closed = false;
  const fill = (): void => {
    if (closed) return;
    while (waiting.length < WAITING) waiting.push(startProgram(['sh', '-c', SHELL]));
  };
  fill();
  return {
    run: async (netns, lines) => {
      const taken = waiting.shift();
      const program = taken?.alive() === true ? taken : startProgram(['sh', '-c', SHELL]);
      program.stdin.end(`${[netns, ...lines].join('\n')}\n`);
      try {
        await program.ended;
      } finally {
        setImmediate(fill);
      }
    },
    close: () => {
      closed = true;
      for (const program of waiting.splice(0)) program.stdin.end();
    },
  };
}
