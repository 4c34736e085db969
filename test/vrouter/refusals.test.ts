/** What the kernel refuses is told once, however many rounds meet with it. */
import { expect, test } from '@jest/globals';
import { createRefusals } from '../../vrouter/apply/refusals.ts';

test('an entry is told when it is refused, for another reason, or again after it stood', () => {
  const told: unknown[] = [];
  const tell = createRefusals({ warn: (facts: unknown) => told.push(facts) });
  const missing = ['neigh tap1 10.0.0.1', 'Cannot find device "tap1"'] as const;
  const other = ['route 29001 10.0.0.2/32', 'RTNETLINK answers: No such device'] as const;
  tell(new Map([missing]));
  tell(new Map([missing]));
  tell(new Map([missing, other]));
  tell(new Map([[missing[0], 'Network is down']]));
  tell(new Map());
  tell(new Map([missing]));
  expect(told).toEqual([
    { refused: 1, first: [missing] },
    { refused: 2, first: [other] },
    { refused: 1, first: [[missing[0], 'Network is down']] },
    { refused: 1, first: [missing] },
  ]);
});
