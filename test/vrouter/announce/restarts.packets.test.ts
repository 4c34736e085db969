/** A node whose program is restarted lives for the others, as long as it is there itself. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../kubernetes/eventually.ts';
import { createLab, type Lab } from '../lab/nodes.ts';

jest.setTimeout(60_000);

const NODES = { n1: '192.0.2.1', n2: '192.0.2.2' } as const;
const PROGRAM = join(import.meta.dirname, 'programs', 'heartbeats.ts');

let lab: Lab;
const children: ChildProcess[] = [];

beforeAll(async () => {
  lab = await createLab('rst', NODES);
});

afterAll(async () => {
  children.forEach((child) => child.kill('SIGKILL'));
  await lab.down();
});

test('until its interface falls silent', async () => {
  const [first, second] = [start('n1', NODES.n2), start('n2', NODES.n1)];
  await eventually(() => first.latest() === NODES.n2);
  second.child.kill('SIGTERM');
  await once(second.child, 'exit');
  await sleep(2500);
  expect(first.latest()).toBe(NODES.n2);
  await lab.sh('n2', 'ip link set eth0 down');
  await eventually(() => first.latest() === '');
});

/** Heartbeats of a node, and what it says last. */
function start(node: keyof typeof NODES, peer: string) {
  const enter = ['netns', 'exec', `${lab.prefix}-${node}`];
  const child = spawn('ip', [...enter, process.execPath, '--no-warnings', PROGRAM, NODES[node], peer], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  let latest: string | undefined;
  createInterface({ input: child.stdout }).on('line', (line) => (latest = line));
  return { child, latest: () => latest };
}
