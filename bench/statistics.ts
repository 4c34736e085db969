/** The few figures that every benchmark reports. */

/** The value below which the share `p` (0 to 1) of the samples lies; NaN without samples. */
export function percentile(samples: readonly number[], p: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? Number.NaN;
}

/** One line of a report: what was measured, ours, the reference's, and their ratio. */
export function ratioLine(what: string, ours: number, reference: number, unit: string): string {
  const show = (value: number): string => `${value.toPrecision(4)} ${unit}`;
  return `${what}: ${show(ours)} against ${show(reference)}, ratio ${(ours / reference).toFixed(2)}`;
}
