/** Batches of `ip` with an answer for each line: one entry whose interface is gone must not fail the others. */
import { messageOf } from '../../runtime/errors.ts';
import type { Told } from '../../runtime/session.ts';
import type { IpChange } from '../linux/transaction.ts';
import type { Sessions } from './sessions.ts';

/** Failures by entry key; entries not named succeeded. */
export type Failures = ReadonlyMap<string, string>;

/** What a line may fail with because the kernel has already what it asks for. */
const ALREADY_THERE = /File exists/;

/** Adds or replaces entries, in order, and says which could not be. */
export async function addEntries(sessions: Sessions, family: '-4' | '-6', lines: IpChange['adds']): Promise<Failures> {
  const failures = await batch(sessions, family, lines);
  return new Map([...failures].filter(([, reason]) => !ALREADY_THERE.test(reason)));
}

/** Deletes entries; those already gone (with their interface, say) are fine, so nothing is reported. */
export async function deleteEntries(sessions: Sessions, family: '-4' | '-6', lines: IpChange['dels']): Promise<void> {
  await batch(sessions, family, lines);
}

async function batch(sessions: Sessions, family: '-4' | '-6', lines: IpChange['adds']): Promise<Failures> {
  if (lines.length === 0) return new Map();
  try {
    return await tell(sessions, family, lines);
  } catch {
    return await oneByOne(sessions, family, lines);
  }
}

/**
 * `ip` ends at a neighbour whose interface has gone since it learnt its number, and nobody knows how far it had got. Another one
 * starts for the next line, and all lines may be told twice.
 */
async function oneByOne(sessions: Sessions, family: '-4' | '-6', lines: IpChange['adds']): Promise<Failures> {
  const failures = new Map<string, string>();
  for (const line of lines) {
    const [key] = line;
    const reason = await tell(sessions, family, [line]).then((failed) => failed.get(key), messageOf);
    if (reason !== undefined) failures.set(key, reason);
  }
  return failures;
}

async function tell(sessions: Sessions, family: '-4' | '-6', lines: IpChange['adds']): Promise<Failures> {
  const told = await sessions.ip(
    family,
    lines.map(([, line]) => line),
  );
  return failedLines(told, lines);
}

/** What `ip` said of lines that failed, by their keys. It prints a line's error, and then which line it was, counted from its start. */
export function failedLines({ said, linesBefore }: Told, lines: IpChange['adds']): Map<string, string> {
  const failures = new Map<string, string>();
  let reason = 'failed';
  for (const text of said.split('\n').map((line) => line.trim())) {
    const number = /^Command failed -:(\d+)/.exec(text)?.[1];
    const key = number === undefined ? undefined : lines[Number(number) - linesBefore - 1]?.[0];
    if (key !== undefined) failures.set(key, reason);
    else if (text !== '') reason = text;
  }
  return failures;
}
