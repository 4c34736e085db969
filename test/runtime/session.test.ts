/** A program that stays, as seen with a real shell: answers by batch, deaths, and renewals. */
import { spawn } from 'node:child_process';
import { afterEach, expect, test } from '@jest/globals';
import { createSession } from '../../runtime/session.ts';
import type { Session, SessionProgram } from '../../runtime/session.ts';

const sessions: Session[] = [];
afterEach(() => {
  for (const session of sessions.splice(0)) session.close();
});

function shell(): SessionProgram {
  const child = spawn('sh', { stdio: ['pipe', 'pipe', 'ignore'] });
  child.stdin.on('error', () => undefined);
  return {
    stdin: child.stdin,
    onText: (take) => void child.stdout.setEncoding('utf8').on('data', take),
    ended: new Promise((resolve) => child.once('close', resolve)),
    kill: () => void child.kill(),
  };
}

function open(renewAfter = Infinity): Session {
  const session = createSession(shell, {
    question: (mark) => `echo ${mark}`,
    answer: (mark) => new RegExp(`${mark}\\n`),
    renewAfter,
  });
  sessions.push(session);
  return session;
}

const processOf = async (session: Session): Promise<string> => (await session.tell(['echo $$'])).said;

test('each batch is answered by itself, also when several are told at once', async () => {
  const session = open();
  const told = await Promise.all([
    session.tell(['echo a', 'sleep 0.05', 'echo b']),
    session.tell([]),
    session.tell(['echo c']),
  ]);
  expect(told).toEqual([
    { said: 'a\nb\n', linesBefore: 0 },
    { said: '', linesBefore: 4 },
    { said: 'c\n', linesBefore: 5 },
  ]);
});

test('one program serves all, until it dies: what it was told is rejected, and the next batch has another', async () => {
  const session = open();
  const first = await processOf(session);
  expect(await processOf(session)).toBe(first);
  await expect(session.tell(['echo last words', 'exit 1', 'echo never'])).rejects.toThrow('last words');
  expect(await processOf(session)).not.toBe(first);
});

test('a program is renewed after so many lines, and when it is asked for, and still answers what it was told', async () => {
  const session = open(4);
  const [first, second, third] = await Promise.all([processOf(session), processOf(session), processOf(session)]);
  expect(second).toBe(first);
  expect(third).not.toBe(first);
  const pending = processOf(session);
  session.renew();
  expect([first, third]).not.toContain(await processOf(session));
  expect(await pending).toBe(third);
});
