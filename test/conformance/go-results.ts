/** What became of a suite that Go's own test runner runs. */
import { readFileSync } from 'node:fs';
import type { Result } from './suites.ts';

/** Of the lines that Go's tests end with, those of whole tests. The suite itself is one that fails where it got no further. */
export function goResultsIn(log: string): readonly Result[] {
  const said = readFileSync(log, 'utf8');
  const lines = [...said.matchAll(/^ *--- (PASS|FAIL): TestConformance(?:\/([^/\s]+))? \(/gm)];
  const tests = lines.filter(([, , name]) => name !== undefined);
  const whole = tests.length > 0 ? tests : lines;
  if (whole.length === 0) return [{ title: 'the suite', failure: said.trim().split('\n').at(-1) ?? 'no word of it' }];
  return whole.map(([, state, title = 'the suite']) => ({
    title,
    ...(state === 'PASS' ? {} : { failure: `see ${log}` }),
  }));
}
