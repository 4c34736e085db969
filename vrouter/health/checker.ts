/**
 * Asks back ends of this node whether they are well, and knows which are not.
 *
 *     unasked ──first answer──► well ──`retries` failures in a row──► unwell
 *        └──────first failure──────────────────────────────────────────►│
 *                                ◄───────────one success────────────────┘
 *
 * Who is unasked counts as well: Kubernetes has called it ready. The first answer counts at once, so that a program that
 * starts anew lets nobody in whom its predecessor has left out for long.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../../runtime/log.ts';
import type { HealthCheck } from '../model/services.ts';
import type { Ask } from './ask.ts';

/** What is known of one check. */
export interface CheckResult extends HealthCheck {
  readonly state: 'unasked' | 'well' | 'unwell';
  /** Why the last question failed. */
  readonly reason?: string;
}

export interface HealthChecker {
  /** Makes these checks and no others; one that stays goes on as it was. */
  readonly set: (checks: readonly HealthCheck[]) => void;
  readonly results: () => readonly CheckResult[];
  readonly close: () => void;
}

export interface HealthCheckerOptions {
  readonly ask: Ask;
  readonly log: Logger;
  /**
   * Called with the subjects that are not well, sorted, whenever they are others than before; `isWhole` as soon as everybody has
   * been asked for a first time.
   */
  readonly onChange: (unwell: readonly string[], isWhole: boolean) => void;
}

interface Running {
  result: CheckResult;
  failures: number;
  readonly stop: AbortController;
}

/** A checker that asks nobody yet. */
export function createHealthChecker({ ask, log, onChange }: HealthCheckerOptions): HealthChecker {
  const running = new Map<string, Running>();
  let told: string | undefined;
  let isWhole = false;
  const tell = (): void => {
    const results = [...running.values()].map(({ result }) => result);
    isWhole ||= results.every(({ state }) => state !== 'unasked');
    const unwell = results.filter(({ state }) => state === 'unwell');
    const subjects = [...new Set(unwell.map(({ subject }) => subject))].sort();
    const now = [isWhole, ...subjects].join();
    if (now === told) return;
    told = now;
    onChange(subjects, isWhole);
  };
  const start = (check: HealthCheck): Running => {
    const each: Running = { result: { ...check, state: 'unasked' }, failures: 0, stop: new AbortController() };
    void askForEver(each, { ask, log, tell });
    return each;
  };
  return {
    set(checks) {
      const wanted = new Map(checks.map((check) => [JSON.stringify(check), check]));
      for (const [key, { stop }] of running) {
        if (wanted.has(key)) continue;
        stop.abort();
        running.delete(key);
      }
      for (const [key, check] of wanted) if (!running.has(key)) running.set(key, start(check));
      tell();
    },
    results: () => [...running.values()].map(({ result }) => result),
    close() {
      for (const { stop } of running.values()) stop.abort();
      running.clear();
    },
  };
}

async function askForEver(
  each: Running,
  { ask, log, tell }: Pick<HealthCheckerOptions, 'ask' | 'log'> & { readonly tell: () => void },
): Promise<void> {
  const { signal } = each.stop;
  while (!signal.aborted) {
    const startedAt = performance.now();
    const reason = await ask(each.result, signal);
    if (signal.aborted) return;
    const { state: before, subject, address, type } = each.result;
    judge(each, reason);
    const { state } = each.result;
    if (state === 'unwell' && before !== state) log.warn({ subject, address, type, reason }, 'a back end is not well');
    if (state === 'well' && before === 'unwell') log.info({ subject, address, type }, 'a back end is well again');
    tell();
    const restMs = Math.max(0, each.result.delayMs - (performance.now() - startedAt));
    // Ends early when the check does.
    await sleep(restMs, undefined, { signal, ref: false }).catch(() => undefined);
  }
}

function judge(each: Running, reason: string | undefined): void {
  const { reason: _, ...check } = each.result;
  each.failures = reason === undefined ? 0 : each.failures + 1;
  if (reason === undefined) {
    each.result = { ...check, state: 'well' };
    return;
  }
  const isOut = check.state !== 'well' || each.failures >= check.retries;
  each.result = { ...check, state: isOut ? 'unwell' : 'well', reason };
}
