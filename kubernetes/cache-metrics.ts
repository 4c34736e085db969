/** The metrics of all reflectors of one program, by the path they list. */
import type { Registry } from 'prom-client';
import { counter, gauge } from '../runtime/metrics.ts';

export interface CacheMetrics {
  /** Reads a reflector's size and staleness whenever metrics are asked for. */
  readonly observe: (
    list: string,
    state: { readonly objects: () => number; readonly stalenessMs: () => number },
  ) => void;
  readonly restarted: (list: string, reason: 'expired' | 'failed') => void;
}

/** Registers `opencontrail_cache_objects`, `opencontrail_cache_staleness_seconds` and `opencontrail_cache_restarts_total`. */
export function createCacheMetrics(registry: Registry): CacheMetrics {
  const states = new Map<string, { objects: () => number; stalenessMs: () => number }>();
  const objects = gauge(registry, 'cache_objects', 'Objects held by a reflector', ['list']);
  const staleness = gauge(registry, 'cache_staleness_seconds', 'Seconds without an open watch; -1 before the first', [
    'list',
  ]);
  const restarts = counter(registry, 'cache_restarts', 'Watches that broke', ['list', 'reason']);
  // prom-client reads gauges through `collect`; a gauge made by runtime/metrics.ts has none, so ours are read with the first.
  Object.assign(objects, {
    collect: () => {
      for (const [list, state] of states) {
        objects.set({ list }, state.objects());
        const seconds = state.stalenessMs() / 1000;
        staleness.set({ list }, Number.isFinite(seconds) ? seconds : -1);
      }
    },
  });
  return {
    observe: (list, state) => void states.set(list, state),
    restarted: (list, reason) => restarts.inc({ list, reason }),
  };
}
