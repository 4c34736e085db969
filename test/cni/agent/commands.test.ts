/** Commands through the socket: what is measured, what is refused, and what one command does to another. */
import { connect } from 'node:net';
import type { Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { pino } from 'pino';
import { createCommands } from '../../../cni/agent/commands.ts';
import { CniFailure } from '../../../cni/agent/failure.ts';
import { serveCni } from '../../../cni/agent/server.ts';
import type { CniRequest, CniResponse } from '../../../cni/protocol.ts';
import { createRegistry, histogram } from '../../../runtime/metrics.ts';
import { assigned, type Bed, makeBed, requestFor } from '../bed.ts';

// Real namespaces and programs, on a machine that may be busy.
jest.setTimeout(60_000);

let bed: Bed;
let server: Server;
let unready: string | undefined;
const registry = createRegistry();
const durations = histogram(registry, 'cni_duration', 'test', ['command', 'code'] as const);

beforeEach(async () => {
  bed = await makeBed();
  unready = undefined;
  const commands = createCommands({ agent: bed.deps, durations, unready: async () => await Promise.resolve(unready) });
  server = await serveCni(join(bed.folder, 'cni.sock'), commands);
});
afterEach(async () => {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  await bed.close();
});

function open(text: string): { readonly answer: Promise<string>; readonly hangUp: () => void } {
  const socket = connect(join(bed.folder, 'cni.sock'));
  const answer = new Promise<string>((resolve, reject) => {
    let received = '';
    socket.setEncoding('utf8');
    socket.on('data', (part) => {
      received += String(part);
    });
    socket.on('end', () => resolve(received));
    socket.on('error', reject);
  });
  socket.write(text);
  return { answer, hangUp: () => socket.destroy() };
}

const ask = async (request: CniRequest) => JSON.parse(await open(`${JSON.stringify(request)}\n`).answer) as CniResponse;

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) {
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
  }
}

test('STATUS says why the node cannot serve', async () => {
  expect(await ask(requestFor('STATUS', { cniVersion: '1.1.0' }))).toEqual({ kind: 'done' });
  unready = 'the vRouter does not answer';
  expect(await ask(requestFor('STATUS', { cniVersion: '1.1.0' }))).toEqual({
    kind: 'error',
    error: { code: 50, msg: 'the vRouter does not answer' },
  });
});

test.each([
  ['no JSON', 'hello\n', 6],
  ['a command nobody knows', `${JSON.stringify({ ...requestFor('ADD', {}), command: 'FLY' })}\n`, 6],
  ['a protocol of another time', `${JSON.stringify({ ...requestFor('ADD', {}), protocol: 7 })}\n`, 6],
  ['an ADD without a pod', `${JSON.stringify(requestFor('ADD', { containerId: 'c1', netns: '/x' }))}\n`, 4],
])('refuses %s', async (_what, line, code) => {
  expect(JSON.parse(await open(line).answer)).toMatchObject({ kind: 'error', error: { code } });
});

test('a DEL ends the ADD of the same sandbox that still waits for its port', async () => {
  const sandbox = bed.newSandbox();
  const adding = ask(requestFor('ADD', { containerId: 'c1', netns: sandbox.path, pod: 'late' }));
  await until(() => bed.awaited.has('dev/late'));
  expect(await ask(requestFor('DEL', { containerId: 'c1', pod: 'late' }))).toEqual({ kind: 'done' });
  expect(await adding).toMatchObject({ kind: 'error', error: { code: 11 } });
});

test('a DEL ends the ADD of the same sandbox that still waits for the vRouter', async () => {
  bed.pods.set('dev/web', assigned(7));
  bed.vrouter.programs = false;
  const sandbox = bed.newSandbox();
  const adding = ask(requestFor('ADD', { containerId: 'c1', netns: sandbox.path, pod: 'web' }));
  await until(() => bed.vrouter.ports.size === 1);
  expect(await ask(requestFor('DEL', { containerId: 'c1', pod: 'web' }))).toEqual({ kind: 'done' });
  expect(await adding).toMatchObject({ kind: 'error', error: { code: 11, msg: 'the sandbox is being deleted' } });
});

test.each([
  ['podNotFound', 30],
  ['portNotAssigned', 40],
] as const)('an ADD that ends with %s is logged at level %i', async (code, level) => {
  const lines: string[] = [];
  const log = pino({}, { write: (line: string) => lines.push(line) });
  bed.pods.set('dev/web', new CniFailure(code, 'a reason'));
  const answer = createCommands({ agent: { ...bed.deps, log }, durations, unready: async () => undefined });
  const request = requestFor('ADD', { containerId: 'c1', netns: bed.newSandbox().path, pod: 'web' });
  await answer(request, new AbortController().signal);
  expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([{ level, reason: 'a reason' }]);
});

test('a runtime that hangs up in the middle of an ADD leaves nothing behind', async () => {
  bed.pods.set('dev/web', assigned(7));
  bed.vrouter.programs = false;
  const sandbox = bed.newSandbox();
  const call = open(`${JSON.stringify(requestFor('ADD', { containerId: 'c1', netns: sandbox.path, pod: 'web' }))}\n`);
  call.answer.catch(() => undefined);
  await until(() => bed.vrouter.ports.size === 1);
  call.hangUp();
  await until(() => bed.deps.journal.list().length === 0);
  expect(bed.devices()).toEqual([]);
  expect(bed.vrouter.ports.size).toBe(0);
});

test('measures commands by their outcome', async () => {
  registry.resetMetrics();
  await ask(requestFor('DEL', { containerId: 'c1' }));
  expect(await registry.metrics()).toContain('opencontrail_cni_duration_seconds_count{command="DEL",code="0"} 1');
});
