/**
 * A program that stays and is told what to do, batch by batch: a command costs it a fraction of a millisecond, where a new process
 * costs several.
 *
 * Each batch is followed by a question that changes nothing. Its answer holds a mark, unique to the batch, and marks the end: what
 * was said before it is what the program had to say of the batch. Both of its streams must be one, and unbuffered.
 */
import type { Writable } from 'node:stream';

/** A program under way, with both of its streams in one. */
export interface SessionProgram {
  readonly stdin: Writable;
  readonly onText: (take: (text: string) => void) => void;
  /** Settles when it has ended. */
  readonly ended: Promise<unknown>;
  readonly kill: () => void;
}

/** How a program is made to say a mark. */
export interface Dialect {
  readonly question: (mark: string) => string;
  readonly answer: (mark: string) => RegExp;
}

/** `ip -force -batch -`: a device that cannot exist. */
export const IP_DIALECT: Dialect = {
  question: (mark) => `link show dev ${mark}`,
  answer: (mark) => new RegExp(`Device "${mark}" does not exist\\.\\nCommand failed -:\\d+\\n`),
};

/** What a program said of a batch, and how many lines it had been told before, since some errors go by number. */
export interface Told {
  readonly said: string;
  readonly linesBefore: number;
}

export interface Session {
  /** Tells lines in order; rejects when the program ends on the way. What it says of them is for the caller to read. */
  readonly tell: (lines: readonly string[]) => Promise<Told>;
  /** Takes another program, started at once, for what is told from now on: what this one remembers is true no longer. */
  readonly renew: () => void;
  readonly close: () => void;
}

interface Batch {
  readonly end: RegExp;
  readonly linesBefore: number;
  readonly resolve: (told: Told) => void;
  readonly reject: (error: Error) => void;
}

/** A conversation with one program, from its start to its end. */
interface Talk {
  readonly program: SessionProgram;
  readonly waiting: Batch[];
  said: string;
  lines: number;
}

/**
 * A session with programs that `start` starts: the first with the first batch, another when one has died, or has been told `renewAfter`
 * lines (some remember all that they were told).
 */
export function createSession(
  start: () => SessionProgram,
  { question, answer, renewAfter = Infinity }: Dialect & { readonly renewAfter?: number },
): Session {
  let talk: Talk | undefined;
  let count = 0;
  const begin = (): Talk => {
    const begun = beginTalk(start(), () => {
      if (talk === begun) talk = undefined;
    });
    return begun;
  };
  const renew = (): void => {
    if (talk === undefined) return;
    // It ends when it has answered all.
    talk.program.stdin.end();
    talk = begin();
  };
  return {
    tell: async (lines) =>
      await new Promise<Told>((resolve, reject) => {
        const current = (talk ??= begin());
        count += 1;
        const mark = `oc-end-${count}`;
        current.waiting.push({ end: answer(mark), linesBefore: current.lines, resolve, reject });
        current.lines += lines.length + 1;
        current.program.stdin.write(`${[...lines, question(mark)].join('\n')}\n`);
        if (current.lines >= renewAfter) renew();
      }),
    renew,
    close: () => {
      talk?.program.kill();
      talk = undefined;
    },
  };
}

function beginTalk(program: SessionProgram, onEnd: () => void): Talk {
  const talk: Talk = { program, waiting: [], said: '', lines: 0 };
  program.onText((text) => {
    talk.said += text;
    finishBatches(talk);
  });
  const lost = (): void => {
    onEnd();
    const reason = new Error(`a program ended unexpectedly: ${talk.said.trim()}`);
    for (const { reject } of talk.waiting.splice(0)) reject(reason);
  };
  program.ended.then(lost, lost);
  return talk;
}

/** Settles every batch whose mark has been said, and keeps what remains. */
function finishBatches(talk: Talk): void {
  for (let batch = talk.waiting[0]; batch !== undefined; batch = talk.waiting[0]) {
    const end = batch.end.exec(talk.said);
    if (end === null) return;
    talk.waiting.shift();
    batch.resolve({ said: talk.said.slice(0, end.index), linesBefore: batch.linesBefore });
    talk.said = talk.said.slice(end.index + end[0].length);
  }
}
