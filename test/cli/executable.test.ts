/** The executable as kubectl would call it: where data and words go, and the exit codes. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
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
  // Without what the user who runs the tests may have.
  const env = { PATH: process.env['PATH'], HOME: folder };
  const { status, stdout, stderr } = spawnSync(join(folder, 'kubectl-contrail'), args, { encoding: 'utf8', env });
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

test('what is wrong with the kubeconfig is told: there is none, it is none, it has no such context', () => {
  expect(contrail('hits').stderr).toContain('there is no kubeconfig: set KUBECONFIG, or name one by --kubeconfig');
  const file = join(folder, 'kubeconfig');
  writeFileSync(file, 'not: [yaml');
  expect(contrail('hits', '--kubeconfig', file).stderr).toContain(`the kubeconfig ${file} cannot be read: `);
  const contexts = ['red', 'blue'].map((name) => ({ name, context: { cluster: name, user: name } }));
  writeFileSync(file, JSON.stringify({ contexts, clusters: [], users: [] }));
  const { status, stderr } = contrail('hits', '--kubeconfig', file, '--context', 'green');
  expect(status).toBe(3);
  expect(stderr).toContain('the kubeconfig has no context green: --context is one of red, blue');
});

test('a reader that has had enough ends it without a word', async () => {
  const child = spawn(join(folder, 'kubectl-contrail'), ['--help'], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const [status] = await once(child, 'close');
  expect({ status, said }).toEqual({ status: 141, said: '' });
});

test('numbers of a capture are told what they must be', () => {
  for (const [flag, value] of [
    ['--count', '1.5'],
    ['--snaplen', 'all'],
  ] as const)
    expect(contrail('capture', 'a/b', flag, value).stderr).toContain(
      `${flag}: "${value}" is not valid: give a whole number greater than 0`,
    );
});
