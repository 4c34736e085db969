/** Who counts as well, by the answers that were given so far. */
import { afterEach, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLogger } from '../../../runtime/log.ts';
import type { Ask } from '../../../vrouter/health/ask.ts';
import { createHealthChecker, type HealthChecker } from '../../../vrouter/health/checker.ts';
import type { HealthCheck } from '../../../vrouter/model/services.ts';

const log = createLogger('test', 'silent');
const open: HealthChecker[] = [];
afterEach(() => open.splice(0).forEach(({ close }) => close()));

const check = (subject: string, retries = 2): HealthCheck => ({
  subject,
  address: '192.0.2.1',
  type: 'PING',
  delayMs: 1,
  timeoutMs: 1000,
  retries,
});

const firstFails: Ask = async ({ address }) => (address === '192.0.2.1' ? 'no' : undefined);

/** What becomes of one check whose questions are answered so, each after the former: `+` well, `-` not. */
async function told(answers: string, retries: number): Promise<readonly string[]> {
  const seen: string[] = [];
  const done = Promise.withResolvers<void>();
  let asked = 0;
  const ask: Ask = async () => {
    const answer = answers[asked];
    asked += 1;
    if (answer === undefined) {
      done.resolve();
      return await new Promise(() => undefined);
    }
    return answer === '+' ? undefined : 'no';
  };
  const onChange = (unwell: readonly string[], isWhole: boolean): void =>
    void seen.push(`${unwell.join() || 'nobody'}${isWhole ? '' : '?'}`);
  const checker = createHealthChecker({ ask, log, onChange });
  open.push(checker);
  checker.set([check('m', retries)]);
  await done.promise;
  return seen;
}

test.each<[string, string, number, readonly string[]]>([
  ['who was not asked counts as well, but is not told to others', '', 2, ['nobody?']],
  ['a first failure counts at once', '-', 3, ['nobody?', 'm']],
  ['later ones only in a row', '+-+-+', 2, ['nobody?', 'nobody']],
  ['as many as are asked for', '+--', 2, ['nobody?', 'nobody', 'm']],
  ['one success brings it back', '+--+', 2, ['nobody?', 'nobody', 'm', 'nobody']],
  ['and failures are counted anew', '--+-', 2, ['nobody?', 'm', 'nobody']],
])('%s', async (_title, answers, retries, want) => {
  await expect(told(answers, retries)).resolves.toEqual(want);
});

test('who is checked no more is not unwell, and a subject is whole only with all of its checks', async () => {
  const seen: string[] = [];
  const checker = createHealthChecker({ ask: firstFails, log, onChange: (unwell) => void seen.push(unwell.join()) });
  open.push(checker);
  checker.set([check('a'), { ...check('a'), address: '192.0.2.2' }, { ...check('b'), address: '192.0.2.2' }]);
  while (seen.at(-1) !== 'a') await sleep(1);
  checker.set([{ ...check('b'), address: '192.0.2.2' }]);
  expect(seen.at(-1)).toBe('');
});
