/** Counts and prints expectations: one line each, so that a failed run can be read from its last screen. */
import { isDeepStrictEqual } from 'node:util';
import type { LabHandle } from '../lab/handle.ts';

/** What a suite tells its expectations to. Titles say what was observed: `default/a → isolated/b TCP is refused`. */
export interface Reporter {
  ok(title: string): void;
  failed(title: string, why: string): void;
  /** Passes when the two are deeply equal. */
  equal(title: string, got: unknown, want: unknown): void;
  /** Passes when `body` returns; its error is the reason of failure. */
  check(title: string, body: () => Promise<unknown>): Promise<void>;
  /** A line that is no expectation. */
  note(text: string): void;
}

/** A suite's file exports it under the name `suite`. */
export type Suite = (lab: LabHandle, report: Reporter) => Promise<void>;

/** A reporter for one suite; `print` gets each line. */
export function createReporter(
  suite: string,
  print: (line: string) => void,
): Reporter & { passed: number; failures: number } {
  const reporter = {
    passed: 0,
    failures: 0,
    ok: (title: string) => {
      reporter.passed += 1;
      print(`ok ${suite}: ${title}`);
    },
    failed: (title: string, why: string) => {
      reporter.failures += 1;
      print(`FAILED ${suite}: ${title} – ${why.replaceAll('\n', ' ')}`);
    },
    equal: (title: string, got: unknown, want: unknown) =>
      isDeepStrictEqual(got, want)
        ? reporter.ok(title)
        : reporter.failed(title, `got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`),
    check: async (title: string, body: () => Promise<unknown>) => {
      try {
        await body();
        reporter.ok(title);
      } catch (error) {
        reporter.failed(title, error instanceof Error ? error.message : String(error));
      }
    },
    note: (text: string) => print(`   ${suite}: ${text}`),
  };
  return reporter;
}
