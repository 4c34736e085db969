/** Arithmetic of traffic: boxes of protocols and ports, what two have in common, and what is left of one without another. Pure. */
import type { Span, Traffic } from '../model/networks.ts';

/** Every port, and every packet. */
export const ALL_PORTS: Span = [0, 65_535];
export const EVERYTHING: Traffic = { protocols: [0, 255], sourcePorts: ALL_PORTS, destinationPorts: ALL_PORTS };

const AXES = ['protocols', 'sourcePorts', 'destinationPorts'] as const;

/** What two boxes have in common; `undefined` where that is nothing. */
function common(a: Traffic, b: Traffic): Traffic | undefined {
  const [protocols, sourcePorts, destinationPorts] = AXES.map((axis) => overlap(a[axis], b[axis]));
  if (protocols === undefined || sourcePorts === undefined || destinationPorts === undefined) return undefined;
  return { protocols, sourcePorts, destinationPorts };
}

/** What two lots have in common. The boxes of the answer are as separate as those of each lot. */
export function commonOfAll(a: readonly Traffic[], b: readonly Traffic[]): readonly Traffic[] {
  return a.flatMap((one) => b.flatMap((other) => common(one, other) ?? []));
}

/** What is left of a lot of boxes without one: separate boxes, where the lot's are. */
export function without(lot: readonly Traffic[], hole: Traffic): readonly Traffic[] {
  return lot.flatMap((box) => (common(box, hole) === undefined ? [box] : pieces(box, hole)));
}

/** Whether nothing is missing from a lot of separate boxes. */
export function isEverything(lot: readonly Traffic[]): boolean {
  return lot.reduce<readonly Traffic[]>((rest, box) => without(rest, box), [EVERYTHING]).length === 0;
}

/** The same traffic in boxes that have no packet in common, sources' ports left out; the order is that of the content. */
export function disjointTraffic(boxes: readonly Traffic[]): readonly Traffic[] {
  const distinct = [...new Map(boxes.map((box) => [textOf(box), box]))].sort(([a], [b]) => (a < b ? -1 : 1));
  // The largest first, so that what they cover falls away whole.
  const bySize = distinct.map(([, box]) => box).sort((a, b) => sizeOf(b) - sizeOf(a));
  if (bySize[0] !== undefined && isEverything([bySize[0]])) return [EVERYTHING];
  const separate: Traffic[] = [];
  for (const box of bySize) {
    separate.push(...separate.reduce<readonly Traffic[]>((rest, other) => without(rest, other), [box]));
  }
  return separate;
}

/** Cuts along one axis after the other: what lies outside of the hole on it is a piece, what lies inside is cut further. */
function pieces(box: Traffic, hole: Traffic): readonly Traffic[] {
  const found: Traffic[] = [];
  let core = box;
  for (const axis of AXES) {
    const [first, last] = core[axis];
    const [from, to] = hole[axis];
    if (first < from) found.push({ ...core, [axis]: [first, from - 1] });
    if (last > to) found.push({ ...core, [axis]: [to + 1, last] });
    core = { ...core, [axis]: [Math.max(first, from), Math.min(last, to)] };
  }
  return found;
}

function overlap([a, b]: Span, [c, d]: Span): Span | undefined {
  const [first, last] = [Math.max(a, c), Math.min(b, d)];
  return first <= last ? [first, last] : undefined;
}

function textOf({ protocols, destinationPorts }: Traffic): string {
  return `${protocols.join('-')} ${destinationPorts.join('-')}`;
}

function sizeOf({ protocols, destinationPorts }: Traffic): number {
  return (protocols[1] - protocols[0] + 1) * (destinationPorts[1] - destinationPorts[0] + 1);
}
