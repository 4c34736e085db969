/** `ip -batch` with an answer for each line: one entry whose interface is gone must not fail the others. */
import type { IpChange } from '../linux/transaction.ts';
import type { Run } from './run.ts';

/** Failures by entry key; entries not named succeeded. */
export type Failures = ReadonlyMap<string, string>;

/** What a line may fail with because the kernel has already what it asks for. */
const ALREADY_THERE = /File exists/;

/** Adds or replaces entries, in order, and says which could not be. */
export async function addEntries(run: Run, family: '-4' | '-6', lines: IpChange['adds']): Promise<Failures> {
  const failures = await batch(run, family, lines);
  return new Map([...failures].filter(([, reason]) => !ALREADY_THERE.test(reason)));
}

/** Deletes entries; those already gone (with their interface, say) are fine, so nothing is reported. */
export async function deleteEntries(run: Run, family: '-4' | '-6', lines: IpChange['dels']): Promise<void> {
  await batch(run, family, lines);
}

async function batch(run: Run, family: '-4' | '-6', lines: IpChange['adds']): Promise<Failures> {
  if (lines.length === 0) return new Map();
  const finished = await run(['ip', family, '-force', '-batch', '-'], `${lines.map(([, line]) => line).join('\n')}\n`);
  const failures = failedLines(finished.stderr, lines);
  if (finished.code !== 0 && failures.size === 0) throw new Error(`ip ${family} -batch: ${finished.stderr.trim()}`);
  return failures;
}

/** `ip` prints a line's error, and then which line it was. */
function failedLines(stderr: string, lines: IpChange['adds']): Map<string, string> {
  const failures = new Map<string, string>();
  let reason = 'failed';
  for (const text of stderr.split('\n').map((line) => line.trim())) {
    const number = /^Command failed -:(\d+)/.exec(text)?.[1];
    const key = number === undefined ? undefined : lines[Number(number) - 1]?.[0];
    if (key !== undefined) failures.set(key, reason);
    else if (text !== '') reason = text;
  }
  return failures;
}
