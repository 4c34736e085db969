/** docs/errors.md and the code name the same errors. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { ERROR_CODES } from '../cni/protocol.ts';

const ROOT = join(import.meta.dirname, '..');
const catalogue = readFileSync(join(ROOT, 'docs', 'errors.md'), 'utf8');
const [cni = '', events = '', conditions = ''] = catalogue.split(/^## (?:Events|Conditions)/m);

test('every CNI code stands in the catalogue with its name, and no other', () => {
  const listed = [...cni.matchAll(/^\| (\d+) \| (\w+) \|/gm)].map(([, code, name]) => [name, Number(code)]);
  expect(Object.fromEntries(listed)).toEqual(ERROR_CODES);
});

test('every reason of an Event stands in the catalogue, and no other', () => {
  const source = sources('workers', 'contrail', 'kubernetes', 'proxy', 'proxy/haproxy', 'proxy/ingress');
  const thrown = [...source.matchAll(/new TerminalError\(\s*'(\w+)'/g)].map(([, reason]) => reason);
  expect(listedIn(events)).toEqual(new Set([...thrown, ...reasonsIn(source)]));
});

test('every reason of a condition of the Gateway API that is not as it should be stands in the catalogue, and no other', () => {
  // The names of these reasons are upstream's: what is well has one, too.
  const well = ['Accepted', 'NoConflicts', 'ResolvedRefs', 'Programmed'];
  const reasons = reasonsIn(sources('proxy/gateway'));
  expect(listedIn(conditions)).toEqual(new Set(reasons.filter((reason) => !well.includes(reason))));
});

function reasonsIn(source: string): readonly string[] {
  return [...source.matchAll(/(?:reason:|const reason = .*:|refusal\(parent,) '([A-Z]\w+)'/g)].map(
    ([, reason = '']) => reason,
  );
}

function listedIn(section: string): ReadonlySet<string> {
  return new Set([...section.matchAll(/^\| ([A-Z]\w+) \|/gm)].map(([, reason = '']) => reason));
}

/** The text of the files of rooms, without that of rooms within them. */
function sources(...rooms: readonly string[]): string {
  return rooms
    .flatMap((room) => {
      const recursive = !room.startsWith('proxy');
      const files = readdirSync(join(ROOT, room), { recursive, encoding: 'utf8' });
      return files.filter((file) => file.endsWith('.ts')).map((file) => readFileSync(join(ROOT, room, file), 'utf8'));
    })
    .join('\n');
}
