/** Passages for some traffic only, in the kernel: a pair of their own, and the boxes of protocols and ports that it may carry. Pure. */
import type { Passage } from '../model/networks.ts';
import { intervalText } from './blocks.ts';
import type { ElementCollector } from './document.ts';

/**
 * The sets of limited passages; `limits` has the pair's mark first, the selective field. `limited_forth` also holds pairs that
 * only services may use.
 */
export const LIMIT_SETS: readonly string[] = [
  'map limited_pairs { typeof ct mark . meta mark : ct mark; }',
  'map limited_forth { typeof meta mark . ct mark : meta mark; }',
  'set limits { typeof ct mark . meta l4proto . th sport . th dport; flags interval; }',
];

/** Holds where the pair in `mark` may carry this packet. */
export function withinLimits(mark: 'ct mark' | 'meta mark'): string {
  return `${mark} . meta l4proto . th sport . th dport @limits`;
}

/** Admits a new flow by its pair, which becomes the connection's mark; without one it goes no further. */
export function judge(verdict: string): readonly string[] {
  return [
    `ct mark set ct mark . meta mark map @pairs ${verdict}`,
    `ct mark set ct mark . meta mark map @limited_pairs ${withinLimits('ct mark')} ${verdict}`,
    'goto refuse_unpaired',
  ];
}

/** Adds what a limited passage's pair may carry. */
export function addLimits(into: ElementCollector, pair: string, { limits = [] }: Passage): void {
  for (const { protocols, sourcePorts, destinationPorts } of limits)
    into.add('limits', [pair, ...[protocols, sourcePorts, destinationPorts].map(intervalText)].join(' . '));
}
