/** Every metric of the project, by program; names begin with `opencontrail_`, labels are bounded (style 39). */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** A registry with the process's own metrics; one per process. */
export function createRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'opencontrail_' });
  return registry;
}

/** A counter `opencontrail_<name>_total`. */
export function counter<L extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly L[],
): Counter<L> {
  return new Counter({ name: `opencontrail_${name}_total`, help, labelNames, registers: [registry] });
}

/** A gauge `opencontrail_<name>`. */
export function gauge<L extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly L[],
): Gauge<L> {
  return new Gauge({ name: `opencontrail_${name}`, help, labelNames, registers: [registry] });
}

/** A histogram `opencontrail_<name>_seconds`, from one millisecond to thirty seconds. */
export function histogram<L extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly L[],
): Histogram<L> {
  const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
  return new Histogram({ name: `opencontrail_${name}_seconds`, help, labelNames, buckets, registers: [registry] });
}
