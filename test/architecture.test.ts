/** The import table of design section 3: which room may import which, and who alone may touch what. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Room → rooms it may import besides itself. The first matching prefix names a file's room. */
const ROOMS: readonly (readonly [room: string, may: readonly string[]])[] = [
  ['runtime', []],
  ['kubernetes', ['runtime']],
  ['contrail/server', ['runtime', 'contrail']],
  ['contrail', ['runtime']],
  ['vrouter/leases', ['runtime', 'kubernetes', 'contrail', 'vrouter']],
  ['vrouter', ['runtime', 'contrail', 'vrouter/leases']],
  ['proxy', ['runtime', 'kubernetes']],
  ['bgp', ['runtime', 'kubernetes']],
  ['certs', ['runtime', 'kubernetes']],
  ['webhooks', ['runtime', 'kubernetes', 'contrail', 'certs']],
  ['workers', ['runtime', 'kubernetes', 'contrail']],
  ['cni/plugin', ['cni/protocol.ts']],
  ['cni/protocol.ts', []],
  ['cni', ['runtime', 'kubernetes', 'contrail', 'cni/protocol.ts']],
  ['cli', ['runtime', 'kubernetes', 'contrail']],
];

/** A module that only the named file (or folder) may import or mention. */
const SOLE_USERS: readonly { readonly what: RegExp; readonly only: readonly string[]; readonly why: string }[] = [
  {
    what: /\bprocess\.env\b/,
    only: ['runtime/config.ts', 'cni/plugin/skel.ts'],
    why: 'the environment is read in one place',
  },
  { what: /from 'bullmq'/, only: ['workers/queue'], why: 'the queue maps errors and options in one place' },
  { what: /from 'ioredis'/, only: ['runtime/redis'], why: 'one place makes Redis connections' },
  { what: /from 'node-forge'/, only: ['certs/'], why: 'certificates are made in one room' },
  { what: /from 'express'/, only: ['webhooks/', 'contrail/server/'], why: 'only these two serve HTTP with it' },
  {
    what: /from 'node:child_process'/,
    only: ['cni/agent/netlink.ts', 'vrouter/', 'proxy/haproxy/process.ts', 'bgp/bird/keeper.ts'],
    why: 'spawning is an effect of the data plane alone',
  },
];

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sources(path);
    return path.endsWith('.ts') ? [path] : [];
  });
}

const rooms = [...new Set(ROOMS.map(([room]) => room.split('/')[0] ?? room))];
const present = new Set(readdirSync(ROOT));
const files = rooms.filter((room) => present.has(room)).flatMap(sources);
const text = new Map(files.map((file) => [file, readFileSync(join(ROOT, file), 'utf8')]));

function importsOf(file: string): Import[] {
  const found = (text.get(file) ?? '').matchAll(/^(import|export)( type)?\b[^'"]*?from '(\.[^']+)'/gm);
  return [...found].map((match) => ({
    from: file,
    to: relative(ROOT, resolve(ROOT, dirname(file), match[3] ?? '')),
    typeOnly: match[2] !== undefined,
  }));
}

function roomOf(file: string): readonly [string, readonly string[]] | undefined {
  return ROOMS.find(([room]) => file === room || file.startsWith(`${room}/`));
}

function isForbidden({ from, to }: Import): boolean {
  const source = roomOf(from);
  const target = roomOf(to);
  if (source === undefined || target === undefined) return true;
  return source[0] !== target[0] && !source[1].includes(target[0]);
}

describe('the import table', () => {
  test('every import goes to a room that its own room may use', () => {
    const broken = files.flatMap(importsOf).filter(isForbidden);
    expect(broken.map(({ from, to }) => `${from} → ${to}`)).toEqual([]);
  });

  test('there is no cycle of imports', () => {
    expect(cycles()).toEqual([]);
  });

  test('the CNI plugin imports nothing but node: and its protocol', () => {
    const foreign = files
      .filter((file) => file.startsWith('cni/plugin/') || file === 'cni/protocol.ts')
      .flatMap((file) =>
        [...(text.get(file) ?? '').matchAll(/from '([^'.][^']*)'/g)].map((match) => `${file} → ${match[1]}`),
      )
      .filter((edge) => !edge.includes('→ node:'));
    expect(foreign).toEqual([]);
  });

  test.each(SOLE_USERS)('$why ($what)', ({ what, only }) => {
    const users = files.filter((file) => what.test((text.get(file) ?? '').replaceAll(/import type [^;]+;/g, '')));
    expect(users.filter((file) => !only.some((allowed) => file.startsWith(allowed)))).toEqual([]);
  });

  test('no file is a barrel or a default export', () => {
    const offenders = files.filter((file) => /^export \* |^export default /m.test(text.get(file) ?? ''));
    expect(offenders).toEqual([]);
  });
});

/** Import cycles as paths, each once; type-only imports count, since a reader follows them too. */
function cycles(): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    const seenAt = path.indexOf(file);
    if (seenAt >= 0) {
      found.push([...path.slice(seenAt), file].join(' → '));
      return;
    }
    if (done.has(file)) return;
    for (const { to } of importsOf(file)) visit(to, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  return found;
}

test('labs of network namespaces have names of their own, since tests run side by side', () => {
  const sources = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  );
  const names = sources.flatMap((file) =>
    Array.from(readFileSync(join(ROOT, 'test', file), 'utf8').matchAll(/createLab\('(\w+)'/g), ([, name]) => name),
  );
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  expect(names.length).toBeGreaterThan(0);
});
