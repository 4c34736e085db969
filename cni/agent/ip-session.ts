/**
 * One `ip` process that stays: a command costs it a fraction of a millisecond, where a new process costs four.
 *
 * Each batch is followed by a question about a device that cannot exist. Its answer, unique to the batch, marks the
 * end; what was said before it is what failed. `ip` writes errors unbuffered, and both streams are one, so the order holds.
 */
import { NetlinkError, type RunningProgram, startProgram } from './netlink.ts';

export interface IpSession {
  /** Runs commands in order, all of them; throws a `NetlinkError` with what failed. */
  readonly run: (lines: readonly string[]) => Promise<void>;
  readonly close: () => void;
}

interface Batch {
  readonly mark: string;
  readonly lines: readonly string[];
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** A session behind `prefix` (`nsenter …`, or nothing). The process starts with the first batch, and anew when it has died. */
export function createIpSession(prefix: readonly string[]): IpSession {
  const waiting: Batch[] = [];
  let said = '';
  let process: RunningProgram | undefined;
  let count = 0;
  const start = (): RunningProgram => {
    said = '';
    const started = startProgram([...prefix, 'sh', '-c', 'exec ip -force -batch - 2>&1']);
    started.onText((text) => {
      said = finishBatches(said + text, waiting);
    });
    const lost = (): void => {
      if (process === started) process = undefined;
      for (const { reject } of waiting.splice(0)) reject(new NetlinkError(`ip ended unexpectedly: ${said.trim()}`));
    };
    started.ended.then(lost, lost);
    return started;
  };
  return {
    run: async (lines) =>
      await new Promise<void>((resolve, reject) => {
        process ??= start();
        count += 1;
        const mark = `oc-end-${count}`;
        waiting.push({ mark, lines, resolve, reject });
        process.stdin.write(`${[...lines, `link show dev ${mark}`].join('\n')}\n`);
      }),
    close: () => process?.kill(),
  };
}

/** Settles every batch whose mark has been said; answers what remains. */
function finishBatches(said: string, waiting: Batch[]): string {
  let rest = said;
  for (let batch = waiting[0]; batch !== undefined; batch = waiting[0]) {
    const end = new RegExp(`Device "${batch.mark}" does not exist\\.\\nCommand failed -:\\d+\\n`).exec(rest);
    if (end === null) return rest;
    waiting.shift();
    const problems = rest
      .slice(0, end.index)
      .replaceAll(/Command failed -:\d+\n/g, '')
      .trim();
    rest = rest.slice(end.index + end[0].length);
    if (problems === '') batch.resolve();
    else batch.reject(new NetlinkError(`"ip ${batch.lines.join('; ip ')}" failed: ${problems.replaceAll('\n', '; ')}`));
  }
  return rest;
}
