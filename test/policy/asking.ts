/** Ends of flows in network namespaces that ask each other, all at once. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Question {
  readonly from: string;
  readonly to: string;
  readonly protocol: string;
  readonly port: number;
}

export interface Asker {
  /** Asks them at once; `answered` has the places of those that are answered, and grows. */
  readonly ask: (questions: readonly Question[]) => { readonly asked: Promise<void>; readonly answered: Set<number> };
  readonly close: () => void;
}

const PROGRAM = join(import.meta.dirname, 'programs', 'asker.ts');

/** An asker in a network namespace, which answers on these ports of its addresses from now on. */
export async function createAsker(
  space: string,
  addresses: readonly string[],
  ports: readonly number[],
): Promise<Asker> {
  const words = [process.execPath, '--no-warnings', PROGRAM, addresses.join(','), ports.join(',')];
  const child = spawn('ip', ['netns', 'exec', space, ...words], { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stderr.on('data', (chunk: Buffer) => void process.stderr.write(chunk));
  const lines = createInterface(child.stdout);
  const [ready] = (await Promise.race([once(lines, 'line'), exitOf(child)])) as [string];
  if (ready !== 'ready') throw new Error(`${space}: ${ready}`);
  let round = 0;
  let take: ((line: string) => void) | undefined;
  lines.on('line', (line) => take?.(line));
  return {
    ask(questions) {
      round += 1;
      const own = round;
      const answered = new Set<number>();
      const asked = new Promise<void>((resolve) => {
        take = (line) => {
          if (line === `asked ${own}`) return resolve();
          const [of, index] = line.split(' ');
          if (of === String(own)) answered.add(Number(index));
        };
      });
      child.stdin.write(`${JSON.stringify({ round, questions })}\n`);
      return { asked, answered };
    },
    close: () => void child.kill('SIGKILL'),
  };
}

async function exitOf(child: ChildProcess): Promise<[string]> {
  const [code] = (await once(child, 'exit')) as [number | null];
  return [`ended with ${code}`];
}

/** What must be answered has so long. */
const PATIENCE_MS = 5_000;
/** What must not be answered, and is, comes in this time after all others: it was asked before they were answered. */
const GRACE_MS = 100;

/** The questions that are answered, once those that should be are, and a moment later; or when patience ends. */
export async function answersOf<Q extends Question>(
  byAsker: ReadonlyMap<Asker, readonly Q[]>,
  isExpected: (question: Q) => boolean,
): Promise<ReadonlySet<Q>> {
  const rounds = [...byAsker].map(([asker, questions]) => ({ asker, questions, ...asker.ask(questions) }));
  await Promise.all(rounds.map(async ({ asked }) => asked));
  const isAnswered = (): boolean =>
    rounds.every(({ questions, answered }) =>
      questions.every((question, index) => answered.has(index) || !isExpected(question)),
    );
  for (const until = performance.now() + PATIENCE_MS; !isAnswered() && performance.now() < until; ) await sleep(10);
  await sleep(GRACE_MS);
  for (const { asker } of rounds) asker.ask([]);
  return new Set(rounds.flatMap(({ questions, answered }) => questions.filter((_, index) => answered.has(index))));
}
