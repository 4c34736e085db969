/** The vRouter's metrics. */
import type { Registry } from 'prom-client';
import { gauge, histogram } from '../runtime/metrics.ts';
import type { Run } from './apply/run.ts';
import { TABLE } from './linux/names.ts';
import type { RoundResult } from './rounds.ts';

export interface VrouterMetrics {
  readonly round: (seconds: number, result: RoundResult) => void;
  /** Reads the table's counters of dropped packets. */
  readonly readDrops: (run: Run) => Promise<void>;
}

/** Registers the duration of rounds by result, and the packets dropped by reason (a counter of the kernel's). */
export function createVrouterMetrics(registry: Registry): VrouterMetrics {
  const rounds = histogram(registry, 'vrouter_round_duration', 'Time from configuration to kernel, by result', [
    'result',
  ]);
  const drops = gauge(registry, 'vrouter_dropped_packets', 'Packets dropped since the table was loaded, by reason', [
    'reason',
  ]);
  return {
    round: (seconds, result) => rounds.observe({ result }, seconds),
    async readDrops(run) {
      const { stdout } = await run(['nft', 'list', 'counters', 'table', ...TABLE.split(' ')]);
      for (const [, reason = '', packets] of stdout.matchAll(/counter (\w+) \{\s+packets (\d+)/g))
        drops.set({ reason }, Number(packets));
    },
  };
}
