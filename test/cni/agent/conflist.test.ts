/** The CNI configuration on the host: last, whole, and gone when the node cannot serve. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type ConflistState, conflistText, installFile, keepConflist } from '../../../cni/agent/conflist.ts';
import { DEFAULT_RELEASE_DIR, DEFAULT_SOCKET } from '../../../cni/protocol.ts';

let folder: string;
let state: ConflistState;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ct-'));
  state = { since: undefined };
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const path = () => join(folder, 'net.d', '10-opencontrail.conflist');
async function look(unready: string | undefined, now: number): Promise<string> {
  const outcome = await keepConflist({ path: path(), text: 'text', graceMs: 30_000 }, { unready, now, state });
  state = outcome.state;
  return outcome.did;
}

describe('keepConflist', () => {
  test('writes once the node can serve, and then leaves it alone', async () => {
    expect(await look('no vRouter', 0)).toBe('nothing');
    expect(existsSync(path())).toBe(false);
    expect(await look(undefined, 1000)).toBe('wrote');
    expect(await look(undefined, 2000)).toBe('nothing');
    expect(readdirSync(join(folder, 'net.d'))).toEqual(['10-opencontrail.conflist']);
  });

  test('takes it away only after the whole grace period, counted anew after each recovery', async () => {
    await look(undefined, 0);
    expect(await look('down', 1000)).toBe('nothing');
    expect(await look('down', 30_000)).toBe('nothing');
    expect(await look(undefined, 30_500)).toBe('nothing');
    expect(await look('down', 40_000)).toBe('nothing');
    expect(await look('down', 69_999)).toBe('nothing');
    expect(await look('down', 70_000)).toBe('removed');
    expect(existsSync(path())).toBe(false);
    expect(await look(undefined, 71_000)).toBe('wrote');
  });

  test('mends what somebody changed', async () => {
    await look(undefined, 0);
    rmSync(path());
    expect(await look(undefined, 1000)).toBe('wrote');
  });
});

test('installFile replaces a file whole, with its mode', async () => {
  const target = join(folder, 'bin', 'plugin');
  expect(await installFile(target, 'one', 0o755)).toBe(true);
  expect(await installFile(target, 'two', 0o755)).toBe(true);
  expect(await installFile(target, 'two', 0o755)).toBe(false);
  expect(readFileSync(target, 'utf8')).toBe('two');
  expect(statSync(target).mode & 0o777).toBe(0o755);
});

test('the configuration offers old and new runtimes a version they know', () => {
  const config = JSON.parse(conflistText({ socket: DEFAULT_SOCKET, releaseDir: DEFAULT_RELEASE_DIR })) as Record<
    string,
    unknown
  >;
  expect(config).toEqual({
    cniVersion: '1.0.0',
    cniVersions: ['0.4.0', '1.0.0', '1.1.0'],
    name: 'opencontrail',
    plugins: [{ type: 'opencontrail-cni' }],
  });
});
