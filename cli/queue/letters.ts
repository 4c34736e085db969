/** What the workers tell of their queue, as a user reads it. Pure. */
import { z } from 'zod';

const State = z.object({
  waiting: z.number(),
  active: z.number(),
  delayed: z.number(),
  refused: z.number(),
  oldestSeconds: z.number(),
});

const Letter = z.object({
  key: z.string(),
  state: z.enum(['refused', 'retrying']),
  attempts: z.number(),
  reason: z.string(),
  since: z.number(),
  nextAt: z.number().optional(),
});
export type Letter = z.infer<typeof Letter>;

/** The answer of a worker's `/queue`. */
export const Told = z.object({ queues: z.record(z.string(), State), letters: z.array(Letter).readonly() });
export type Told = z.infer<typeof Told>;

/** Those that have not got on for long enough to be worth a look, of a namespace where one is named. */
export function stuck(
  letters: readonly Letter[],
  { now, ageMs, namespace }: { readonly now: number; readonly ageMs: number; readonly namespace: string },
): readonly Letter[] {
  return letters.filter(
    ({ key, state, since }) =>
      (state === 'refused' || now - since >= ageMs) && (namespace === '' || namespaceOf(key) === namespace),
  );
}

/** The namespace of `Pod/<namespace>/<name>`; `Namespace/<name>` is of its own. */
function namespaceOf(key: string): string | undefined {
  const [kind, first, second] = key.split('/');
  return second !== undefined || kind === 'Namespace' ? first : undefined;
}

/** A line each: what, since when, how often, what comes next, and why. */
export function letterText({ key, state, attempts, reason, since, nextAt }: Letter, now: number): string {
  const next = nextAt === undefined ? 'when its object changes' : `in ${durationText(nextAt - now)}`;
  return `${state.padEnd(8)}  ${key}  ${durationText(now - since)}  ${attempts} attempts, next ${next}: ${reason}\n`;
}

/** How the queues stand, for the end. */
export function summaryText({ queues }: Told, found: number): string {
  const lines = Object.entries(queues).map(
    ([name, { waiting, active, delayed, refused, oldestSeconds }]) =>
      `${name}: ${waiting} waiting (the oldest for ${durationText(oldestSeconds * 1000)}), ${active} running, ${delayed} delayed, ${refused} refused\n`,
  );
  return `${lines.join('')}${found === 0 ? 'clean' : `${found} do not get on`}\n`;
}

function durationText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds}s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)}m` : `${Math.round(seconds / 3600)}h`;
}
