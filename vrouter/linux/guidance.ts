/**
 * Guides in the kernel (ADR 0009). What a machine sends to a pod that it is not sent goes to its guide as the fabric's; the guide sends
 * it on as the pod's network's, untracked, since what comes back goes straight to the machine. Pure.
 */
import type { ForwardingState } from '../model.ts';
import { openRanges, rangeTraffic } from './blocks.ts';
import { TO_TUNNEL, TUNNEL, UNMARK, chain, perFamily, type SkeletonOptions, when } from './chain.ts';
import type { ElementCollector } from './document.ts';
import { familyOf } from './family.ts';
import { GUIDED, type Marks, hex, outerMark, pairOf } from './marks.ts';

/** `guided`: where pods are that a guide leads to; `led`: the pods that this node leads to. */
export const GUIDANCE_SETS: readonly string[] = perFamily(({ n, ip }) => [
  `set guided${n} { typeof ${ip} daddr; flags interval; }`,
  `set led${n} { typeof ${ip} daddr; }`,
]);

/** -450, as it comes out of the tunnel: what machines send to pods elsewhere. */
export function fromMachines({ guidance, fabric }: SkeletonOptions): readonly string[] {
  if (guidance !== 'guide') return [];
  const ofFabric = `meta mark ${hex(outerMark(fabric))}`;
  return perFamily(({ n, ip }) => [
    `${ofFabric} meta mark set ${ip} saddr map @machines${n} ${ip} daddr @led${n} goto lead`,
  ]);
}

/** The chain that such packets go to. */
export function lead({ guidance }: SkeletonOptions): readonly string[] {
  return when(guidance === 'guide', [chain('lead', undefined, [`meta mark set ${hex(GUIDED)} notrack accept`])]);
}

/** -90: what it leads on. */
export function ledAlready({ guidance }: SkeletonOptions): readonly string[] {
  return when(guidance === 'guide', [`meta mark ${hex(GUIDED)} accept`]);
}

/** 0: from machines, on to pods elsewhere. */
export function leadOn({ guidance }: SkeletonOptions): readonly string[] {
  return when(guidance === 'guide', [`${TUNNEL} meta mark ${hex(GUIDED)} ${UNMARK} accept`]);
}

/** The underlay speaks with addresses of pods as little where nobody here knows the pods: not as theirs, and not to them. */
export const notFromGuided = (options: SkeletonOptions): readonly string[] => notOfGuided(options, 'saddr');
export const notToGuided = (options: SkeletonOptions): readonly string[] => notOfGuided(options, 'daddr');

function notOfGuided({ guidance }: SkeletonOptions, end: 'saddr' | 'daddr'): readonly string[] {
  return when(
    guidance === 'led',
    perFamily(({ n, ip }) => [`${ip} ${end} @guided${n} counter name spoofed drop`]),
  );
}

/** -90, output: a new flow of the node's own. The pair is the fabric's with itself: nobody here knows the pod's network. */
export function toGuide({ guidance, fabric }: SkeletonOptions): readonly string[] {
  if (guidance !== 'led') return [];
  const pair = `ct mark set ${pairOf(fabric, fabric)} accept`;
  return perFamily(({ n, ip }) => [`${TO_TUNNEL} ${ip} daddr @guided${n} ${pair}`]);
}

/** Adds what this node is led to, or leads to: pods that nodes may reach whole and both ways. */
export function addGuidance(into: ElementCollector, state: ForwardingState, marks: Marks): void {
  const { guidance, passages, fabric, remotes, networks } = state;
  if (guidance?.kind === 'led') addBlocks(into, 'guided', guidance.blocks);
  if (guidance?.kind !== 'guide') return;
  const whole = new Set(passages.filter(({ limits }) => limits === undefined).map(({ from, to }) => `${from} ${to}`));
  const able = networks.filter(
    ({ id, forwarded }) =>
      id !== fabric &&
      forwarded !== true &&
      !marks.isOverlapping(id) &&
      whole.has(`${fabric} ${id}`) &&
      whole.has(`${id} ${fabric}`),
  );
  const ids = new Set(able.map(({ id }) => id));
  for (const { address, network } of remotes) if (ids.has(network)) into.add(`led${familyOf(address)}`, address);
}

/** Adds blocks to an interval set of each family, as ranges of which no two meet. */
export function addBlocks(into: ElementCollector, set: string, cidrs: readonly string[]): void {
  for (const n of ['4', '6'] as const) {
    const ranges = openRanges(cidrs.filter((cidr) => familyOf(cidr) === n));
    for (const { addresses } of rangeTraffic(ranges, n, () => [])) into.add(`${set}${n}`, addresses);
  }
}
