/** The workers' metrics (style 39): labels are kinds and results, never names. */
import type { Registry } from 'prom-client';
import { counter, gauge, histogram } from '../runtime/metrics.ts';
import type { KeyQueue } from './queue.ts';

export interface WorkerMetrics {
  /** Starts timing a run; call the answer once with what the run came to. */
  readonly start: (kind: string) => (result: string) => void;
  readonly suspects: (count: number) => void;
}

/** Registers the metrics; queue depth and age are read from Redis every `intervalMs` until `signal` aborts. */
export function createWorkerMetrics(
  registry: Registry,
  queues: Readonly<Record<string, KeyQueue>>,
  { intervalMs, signal }: { readonly intervalMs: number; readonly signal: AbortSignal },
): WorkerMetrics {
  const total = counter(registry, 'reconcile', 'Runs of keys by what they came to', ['kind', 'result']);
  const duration = histogram(registry, 'reconcile_duration', 'How long runs take', ['kind']);
  const suspects = gauge(registry, 'prune_suspects', 'Objects of ours whose Kubernetes object is gone', []);
  const depth = gauge(registry, 'queue_jobs', 'Jobs in a queue by state', ['queue', 'state']);
  const age = gauge(
    registry,
    'queue_oldest_seconds',
    'How long the key has waited that has waited longest for its first run',
    ['queue'],
  );
  const read = async (queue: string, { state }: KeyQueue): Promise<void> => {
    const { oldestSeconds, ...counts } = await state();
    for (const [state, count] of Object.entries(counts)) depth.set({ queue, state }, count);
    age.set({ queue }, oldestSeconds);
  };
  const timer = setInterval(() => {
    // While Redis is away the last values stay; readiness says what is wrong.
    for (const [name, queue] of Object.entries(queues)) void read(name, queue).catch(() => undefined);
  }, intervalMs);
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  return {
    start: (kind) => {
      const stop = duration.startTimer({ kind });
      return (result) => {
        stop();
        total.inc({ kind, result });
      };
    },
    suspects: (count) => suspects.set(count),
  };
}
