/** How long keys wait. */
import { describe, expect, test } from '@jest/globals';
import { backoffMs, waitMs } from '../../workers/backoff.ts';
import { createPatience } from '../../workers/patience.ts';

describe('backoffMs', () => {
  test('doubles and is capped, however often a key has failed', () => {
    const most = [1, 2, 3, 50, 1e9].map((attempts) => backoffMs(attempts, 30_000, () => 1));
    expect(most).toEqual([250, 500, 1000, 30_000, 30_000]);
  });

  test('never falls below half of that', () => {
    expect(backoffMs(3, 30_000, () => 0)).toBe(500);
  });
});

test('waitMs begins with what was asked for and grows to five seconds', () => {
  expect([1, 2, 100].map((attempts) => waitMs(attempts, 200))).toEqual([200, 300, 5000]);
  expect(waitMs(100, 600_000)).toBe(600_000);
});

describe('patience', () => {
  test('ends after the time, and again after as much', () => {
    const patience = createPatience(100);
    expect([0, 50, 100, 150, 200].map((now) => patience.isLate('k', true, now))).toEqual([
      false,
      false,
      true,
      false,
      true,
    ]);
  });

  test('begins anew with a key that got through', () => {
    const patience = createPatience(100);
    patience.isLate('k', true, 0);
    patience.isLate('k', false, 50);
    expect(patience.isLate('k', true, 120)).toBe(false);
  });
});
