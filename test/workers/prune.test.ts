/** Who is pruned: never at first sight, never within the grace, never most of everything. */
import { describe, expect, test } from '@jest/globals';
import { judge } from '../../workers/prune.ts';

const owners = Array.from({ length: 100 }, (_, index) => `Pod/a/p${index}`);
const goneOnly = (...gone: string[]) => ({ owners, exists: (key: string) => !gone.includes(key), graceMs: 100 });

describe('judge', () => {
  test('suspects at first sight and condemns nobody', () => {
    expect(judge({ ...goneOnly('Pod/a/p1'), suspects: {}, now: 1000 })).toEqual({
      kind: 'pruned',
      suspects: { 'Pod/a/p1': '1000' },
      condemned: [],
    });
  });

  test('condemns nobody within the grace, and remembers since when', () => {
    const suspects = { 'Pod/a/p1': '1000' };
    expect(judge({ ...goneOnly('Pod/a/p1'), suspects, now: 1099 })).toEqual({
      kind: 'pruned',
      suspects,
      condemned: [],
    });
  });

  test('condemns after the second look and the grace', () => {
    const verdict = judge({ ...goneOnly('Pod/a/p1'), suspects: { 'Pod/a/p1': '1000' }, now: 1100 });
    expect(verdict).toMatchObject({ condemned: ['Pod/a/p1'] });
  });

  test('forgets who has come back', () => {
    expect(judge({ ...goneOnly(), suspects: { 'Pod/a/p1': '1000' }, now: 9999 })).toMatchObject({ suspects: {} });
  });

  test('takes no offence at many that go just now', () => {
    const verdict = judge({ owners, exists: () => false, graceMs: 100, suspects: {}, now: 9999 });
    expect(verdict).toMatchObject({ kind: 'pruned', condemned: [] });
  });

  test('condemns nobody when too many are gone at once', () => {
    const suspects = Object.fromEntries(owners.map((key) => [key, '0']));
    expect(judge({ owners, exists: () => false, graceMs: 100, suspects, now: 9999 }).kind).toBe('tooMany');
  });
});
