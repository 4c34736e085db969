/** What a function remembers of the cluster: bounded in time, and nothing that was absent or failed. */
import { expect, test } from '@jest/globals';
import type { KubeObject } from '../../../kubernetes/client.ts';
import { boundedReads } from '../../../webhooks/hosts/reads.ts';

/** A cluster that counts what it is asked; `answer` may fail. */
function counted(answer: (path: string) => KubeObject | undefined) {
  const asked: string[] = [];
  const clock = { now: 0 };
  const client = {
    get: async (path: string) => {
      asked.push(path);
      return answer(path);
    },
  };
  return { asked, clock, reads: boundedReads(client, () => clock.now) };
}

const named = (name: string): KubeObject => ({ metadata: { name, uid: name, resourceVersion: '1' } });

test('an object is read once a second, whoever asks at the same time', async () => {
  const { asked, clock, reads } = counted(named);
  await Promise.all([reads.get('/a'), reads.get('/a')]);
  clock.now = 999;
  expect((await reads.get('/a'))?.metadata.name).toBe('/a');
  expect(asked).toEqual(['/a']);
  clock.now = 1_000;
  await reads.get('/a');
  expect(asked).toEqual(['/a', '/a']);
});

test('an absence and a failure are asked for again at once', async () => {
  const absent = counted(() => undefined);
  expect([await absent.reads.get('/a'), await absent.reads.get('/a')]).toEqual([undefined, undefined]);
  expect(absent.asked).toHaveLength(2);
  let failures = 1;
  const failing = counted((path) => {
    if (failures-- > 0) throw new Error('away');
    return named(path);
  });
  await expect(failing.reads.get('/a')).rejects.toThrow('away');
  expect((await failing.reads.get('/a'))?.metadata.name).toBe('/a');
});

test('the oldest is forgotten when there are too many', async () => {
  const { asked, reads } = counted(named);
  for (let index = 0; index <= 500; index += 1) await reads.get(`/${index}`);
  await reads.get('/500');
  expect(asked).toHaveLength(501);
  await reads.get('/0');
  expect(asked).toHaveLength(502);
});
