/** Rounds: bursts become one, nothing that arrives during a round is lost, failures are tried again. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { createRounds } from '../../vrouter/rounds.ts';
import type { RoundResult } from '../../vrouter/rounds.ts';

/** Rounds that take a moment and count themselves. */
function counted(results: readonly RoundResult[] = []) {
  let count = 0;
  let running = 0;
  let overlapped = false;
  const rounds = createRounds(async () => {
    running += 1;
    overlapped ||= running > 1;
    await sleep(20);
    running -= 1;
    count += 1;
    return results[count - 1] ?? 'applied';
  });
  return { rounds, count: () => count, overlapped: () => overlapped };
}

test('a burst is one round', async () => {
  const { rounds, count } = counted();
  for (let i = 0; i < 10; i += 1) rounds.request();
  await rounds.idle();
  expect(count()).toBe(1);
});

test('what arrives during a round gets one of its own, after it', async () => {
  const { rounds, count, overlapped } = counted();
  rounds.request();
  await sleep(5);
  rounds.request();
  rounds.request();
  await rounds.idle();
  expect([count(), overlapped()]).toEqual([2, false]);
});

test('a round that failed is tried again by itself', async () => {
  const { rounds, count } = counted(['failed', 'incomplete', 'applied']);
  rounds.request();
  for (let tries = 0; tries < 100 && count() < 3; tries += 1) await sleep(20);
  await sleep(50);
  expect(count()).toBe(3);
  await rounds.close();
});

test('after closing no round begins', async () => {
  const { rounds, count } = counted(['failed']);
  rounds.request();
  await sleep(5);
  await rounds.close();
  rounds.request();
  await sleep(150);
  expect(count()).toBe(1);
});
