/**
 * Service chains as lanes. Of k services there are k + 1 stretches: from the left network's pods to the first service, from each
 * service to the next, from the last to the right network's pods. A lane is a stretch in one heading:
 *
 *     left pods ─0→ [service 1] ─1→ [service 2] ─2→ right pods          forth
 *     left pods ←0─ [service 1] ←1─ [service 2] ←2─ right pods          back
 *
 * A flow is tracked, and judged, on the nodes of its ends, in a zone of the stretch that begins or ends there, since it is the same flow
 * on all. Everywhere else on its way a packet is sent on by its addresses alone, or by them and its ports to one of several instances.
 * What the tunnel brings to a service comes under a VNI of its own: the number of the network that it comes from, and above it the
 * stretch. All other numbers are this node's, made from names so that they stay. Pure.
 */
import type { ForwardingState } from '../model.ts';
import type { ServiceChain, ServiceEnd } from '../model/chains.ts';
import type { InstanceId } from '../model/networks.ts';
import { CHAINED, hex } from './marks.ts';
import { TABLES } from './names.ts';

/** An interface of a service that a lane leads to. */
export interface Target {
  readonly instance: string;
  readonly end: ServiceEnd;
  /** Whether it is a bridge's. */
  readonly isBridge: boolean;
  readonly mark: string;
  readonly number: number;
  readonly table: number;
}

type Heading = 'forth' | 'back';

export interface Lane {
  readonly chain: ServiceChain;
  readonly heading: Heading;
  /** The networks that its packets come from and go to, whoever has begun the flow. */
  readonly from: InstanceId;
  readonly to: InstanceId;
  readonly mark: string;
  readonly zone: number;
  /** The marks of what has come in from a service, and through the tunnel to one, until its lane is known. */
  readonly entrance: string;
  readonly outer: string;
  /** Under which the tunnel brings it to a service. */
  readonly vni: number;
  /** Whether its packets come from pods of `from`, and whether they go to pods of `to`: not from, or to, a service. */
  readonly begins: boolean;
  readonly ends: boolean;
  /** Where its packets go, if it does not end: one for each instance. */
  readonly targets: readonly Target[];
  /** Where they come from, if it does not begin. */
  readonly doors: readonly ServiceEnd[];
}

/** Half of a mark's lower half: the bit above it tells headings, and in a VNI networks from stretches. */
const HALF = 0x8000;

/** The lanes of a node's chains. */
export function lanesOf({ chains }: Pick<ForwardingState, 'chains'>): readonly Lane[] {
  const places = chains.flatMap(placesOf);
  const numbers = {
    stretches: numbered(places.map(stretchName), HALF),
    entrances: numbered(places.map(entranceName), 2 * HALF),
    targets: numbered(places.flatMap(targetNames), 2 * HALF),
  };
  return places.map((place) => laneOf(place, numbers));
}

/** A stretch of a chain, in a heading. */
interface Place {
  readonly chain: ServiceChain;
  readonly segment: number;
  readonly heading: Heading;
}

interface Numbers {
  readonly stretches: ReadonlyMap<string, number>;
  readonly entrances: ReadonlyMap<string, number>;
  readonly targets: ReadonlyMap<string, number>;
}

/** Behind a service that translates there is no stretch: its packets are its own. */
function placesOf(chain: ServiceChain): readonly Place[] {
  const count = chain.services.length + (chain.services.at(-1)?.mode === 'in-network-nat' ? 0 : 1);
  return Array.from({ length: count }, (_, segment) => segment).flatMap((segment) =>
    (['forth', 'back'] as const).map((heading) => ({ chain, segment, heading })),
  );
}

function laneOf(place: Place, numbers: Numbers): Lane {
  const { chain, segment, heading } = place;
  const [from, to] = sidesOf(place);
  const isForth = heading === 'forth';
  const entrance = numbers.entrances.get(entranceName(place)) ?? 0;
  const [isFirst, isLast] = [segment === 0, segment === chain.services.length];
  return {
    chain,
    heading,
    from,
    to,
    mark: laneMark(place, numbers),
    zone: zoneOf(place, numbers),
    entrance: hex(CHAINED.entrance + entrance),
    outer: hex(CHAINED.outer + entrance),
    vni: from + (segment + 1) * HALF,
    begins: isForth ? isFirst : isLast,
    ends: isForth ? isLast : isFirst,
    targets: targetsOf(place, numbers),
    doors: (serviceBehind(place)?.instances ?? []).map(({ left, right }) => (isForth ? right : left)),
  };
}

function targetsOf(place: Place, { targets }: Numbers): readonly Target[] {
  const service = serviceAhead(place);
  const isBridge = service?.mode === 'transparent';
  return (service?.instances ?? []).map(({ uuid, left, right }) => {
    const number = targets.get(targetName(place, uuid)) ?? 0;
    const end = place.heading === 'forth' ? left : right;
    return {
      instance: uuid,
      end,
      isBridge,
      mark: hex(CHAINED.target + number),
      number,
      table: TABLES.chained + number,
    };
  });
}

/** The outer stretches have the zones of their networks, in which these themselves have other addresses, or none. */
function zoneOf(place: Place, { stretches }: Numbers): number {
  const { chain, segment } = place;
  if (segment === 0) return chain.left;
  return segment === chain.services.length ? chain.right : HALF + (stretches.get(stretchName(place)) ?? 0);
}

function sidesOf({ chain: { left, right }, heading }: Place): readonly [from: InstanceId, to: InstanceId] {
  return heading === 'forth' ? [left, right] : [right, left];
}

function serviceAhead({ chain, segment, heading }: Place) {
  return chain.services[heading === 'forth' ? segment : segment - 1];
}

function serviceBehind({ chain, segment, heading }: Place) {
  return chain.services[heading === 'forth' ? segment - 1 : segment];
}

function laneMark(place: Place, { stretches }: Numbers): string {
  return hex(CHAINED.lane + (place.heading === 'back' ? HALF : 0) + (stretches.get(stretchName(place)) ?? 0));
}

function stretchName({ chain, segment }: Place): string {
  return `${chain.left} ${chain.right} ${segment}`;
}

/** Chains of one network share their entrances; where a packet goes tells them apart. */
function entranceName(place: Place): string {
  return `${sidesOf(place)[0]} ${place.segment}`;
}

function targetName(place: Place, instance: string): string {
  return `${stretchName(place)} ${place.heading} ${instance}`;
}

function targetNames(place: Place): readonly string[] {
  return (serviceAhead(place)?.instances ?? []).map(({ uuid }) => targetName(place, uuid));
}

/** Numbers below a limit: the name's own as far as it is free, so that others' coming and going moves none. */
export function numbered(names: readonly string[], limit: number): ReadonlyMap<string, number> {
  const taken = new Set<number>();
  const found = new Map<string, number>();
  for (const name of [...new Set(names)].sort()) {
    let number = hashOf(name) % limit;
    while (taken.has(number)) number = (number + 1) % limit;
    taken.add(number);
    found.set(name, number);
  }
  return found;
}

/** FNV-1a, 32 bits, with a final mix (murmur3), since similar names must differ in all bits. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const character of text) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
