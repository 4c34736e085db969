/** The executable as kubectl would call it: where data and words go, and the exit codes. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';

jest.setTimeout(30_000);

const ROOT = join(import.meta.dirname, '..', '..');
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'oc-cli-'));
  symlinkSync(join(ROOT, 'tools', 'kubectl-contrail'), join(folder, 'kubectl-contrail'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function contrail(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(join(folder, 'kubectl-contrail'), args, { encoding: 'utf8' });
  return { status, stdout, stderr };
}

test('help begins with an example and names commands and exit codes, on standard output', () => {
  const { status, stdout, stderr } = contrail('--help');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/^kubectl contrail ipam check\n/);
  expect(stdout).toContain('Exit codes: 0 clean');
  expect(contrail('-h').stdout).toBe(stdout);
  expect(contrail('ipam', 'check', '-h').stdout).toMatch(/--help, -h/);
  expect(contrail('why', 'a/b', 'c/d', '--port', '80/tcp').stderr).toMatch(/"80\/tcp" is not valid: give a number/);
  expect(contrail('ipam', 'check', '--help').stdout).toMatch(/^kubectl contrail ipam check --repair\n/);
});

test('a command that does not exist, and a flag that does not, are told on standard error with exit code 2', () => {
  for (const args of [['ipam', 'chekc'], ['ipam', 'check', '--repiar'], []]) {
    const { status } = contrail(...args);
    expect(status).toBe(2);
  }
  expect(contrail('ipam', 'chekc')).toMatchObject({ stdout: '', stderr: expect.stringContaining('"ipam chekc"') });
});

test('a cluster that cannot be reached is told in one line with exit code 3', () => {
  const { status, stdout, stderr } = contrail('ipam', 'check', '--kubeconfig', join(folder, 'none'));
  expect({ status, stdout }).toEqual({ status: 3, stdout: '' });
  expect(stderr).toMatch(/^kubectl contrail ipam check: .*none/);
});
