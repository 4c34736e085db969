/** Entries that the kernel refuses, told once: every round tries them again, until their interface comes or its port goes. */
import type { Logger } from '../../runtime/log.ts';
import type { Failures } from './ip.ts';

/** How many are named. */
const NAMED = 3;

/** To be called with what each round has met with. */
export function createRefusals(log: Pick<Logger, 'warn'>): (failures: Failures) => void {
  let told: Failures = new Map();
  return (failures) => {
    const first = [...failures].filter(([key, reason]) => told.get(key) !== reason).slice(0, NAMED);
    told = failures;
    if (first.length > 0) log.warn({ refused: failures.size, first }, 'entries refused');
  };
}
