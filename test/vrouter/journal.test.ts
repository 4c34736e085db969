/** The journal: written behind the rounds, the last entry in the end. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createJournal } from '../../vrouter/apply/journal.ts';

const entry = (generation: number) => ({
  generation,
  document: {
    skeleton: 'chain c { }',
    declarations: new Map([['d', ['add chain d']]]),
    sets: new Map([['s', new Map([['1.2.3.4', '0x1']])]]),
  },
});
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vj-'));
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

test('what was noted last is on disk after closing, also when it came during a write or its pause', async () => {
  const journal = createJournal(folder);
  for (let generation = 1; generation <= 5; generation += 1) journal.note(entry(generation));
  await journal.close();
  expect(await createJournal(folder).read()).toEqual(entry(5));
  journal.note(entry(6));
  await journal.close();
  expect(await createJournal(folder).read()).toEqual(entry(6));
});

test('a folder that cannot be written is told', async () => {
  await writeFile(join(folder, 'file'), '');
  const errors: unknown[] = [];
  const journal = createJournal(join(folder, 'file', 'within'), (error) => errors.push(error));
  journal.note(entry(1));
  await journal.close();
  expect(errors).toEqual([expect.objectContaining({ code: 'ENOTDIR' })]);
});
