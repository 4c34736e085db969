/** docs/errors.md and the code name the same errors. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { ERROR_CODES } from '../cni/protocol.ts';

const ROOT = join(import.meta.dirname, '..');
const catalogue = readFileSync(join(ROOT, 'docs', 'errors.md'), 'utf8');
const [cni = '', events = ''] = catalogue.split('## Events');

test('every CNI code stands in the catalogue with its name, and no other', () => {
  const listed = [...cni.matchAll(/^\| (\d+) \| (\w+) \|/gm)].map(([, code, name]) => [name, Number(code)]);
  expect(Object.fromEntries(listed)).toEqual(ERROR_CODES);
});

test('every reason of an Event stands in the catalogue, and no other', () => {
  const source = ['workers', 'contrail', 'kubernetes', 'proxy'].flatMap(sources).join('\n');
  const thrown = [...source.matchAll(/new TerminalError\(\s*'(\w+)'/g)].map(([, reason]) => reason);
  const reported = [...source.matchAll(/(?:reason:|const reason = .*:) '([A-Z]\w+)'/g)].map(([, reason]) => reason);
  const listed = [...events.matchAll(/^\| ([A-Z]\w+) \|/gm)].map(([, reason]) => reason);
  expect(new Set(listed)).toEqual(new Set([...thrown, ...reported]));
});

function sources(room: string): string[] {
  return readdirSync(join(ROOT, room), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(join(ROOT, room, file), 'utf8'));
}
