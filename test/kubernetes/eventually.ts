/** Waiting for what another process will do. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Asks until the answer is neither `undefined` nor `false`; fails after `timeoutMs`. */
export async function eventually<T>(
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = 30_000,
): Promise<T> {
  for (const end = performance.now() + timeoutMs; performance.now() < end; ) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    await sleep(20);
  }
  throw new Error(`not within ${timeoutMs} ms: ${ask.toString()}`);
}
