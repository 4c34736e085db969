/** The elements of service chains. Pure. */
import type { Bindings, ForwardingState } from '../model.ts';
import type { InstanceId, Passage } from '../model/networks.ts';
import { valueOf } from './address-value.ts';
import { BUCKETS } from './chained.ts';
import type { ElementCollector } from './document.ts';
import { familyOf } from './family.ts';
import { hashOf, type Lane, lanesOf, type Target } from './lanes.ts';
import { addLimits } from './limits.ts';
import { CHAINED, hex, type Marks } from './marks.ts';

interface ChainContext {
  readonly state: ForwardingState;
  readonly bindings: Bindings;
  readonly marks: Marks;
}

/** Adds how packets come into lanes, who may, and where lanes lead. */
export function addChains(into: ElementCollector, { state, bindings, marks }: ChainContext): void {
  if (state.chains.length === 0) return;
  const addressesIn = addressLookup(state);
  for (const lane of lanesOf(state)) {
    const ends = { marks, addresses: addressesIn(lane.to), sources: addressesIn(lane.from) };
    addWaysIn(into, lane, ends);
    addWaysOn(into, lane, ends);
    addDoors(into, lane, { state, bindings, sources: ends.sources });
    addFlows(into, lane, marks);
    addWayOn(into, lane, marks);
  }
}

interface Ends {
  readonly marks: Marks;
  /** Of the pods that the lane goes to, and of those it comes from. */
  readonly addresses: readonly End[];
  readonly sources: readonly End[];
}

interface End {
  readonly address: string;
  readonly isHere: boolean;
}

/** From pods by their network, and at its end from the tunnel, under the network's own number. */
function addWaysIn(into: ElementCollector, lane: Lane, { marks, addresses, sources }: Ends): void {
  const { from, to, mark, zone, begins, ends } = lane;
  into.add('zones', mark, String(zone));
  if (begins) {
    for (const { address } of addresses) {
      const n = familyOf(address);
      into.add(`lanes${n}`, `${marks.of(from)} . ${address}`, mark);
      into.add(`inner_zones${n}`, `${marks.of(from)} . 0x${valueOf(address).toString(16)}`, String(zone));
    }
    for (const { address, isHere } of sources)
      if (!isHere) into.add(`afar${familyOf(address)}`, `${marks.of(from)} . ${address}`);
  }
  if (ends)
    for (const { address } of sources) into.add(`arrivals${familyOf(address)}`, `${marks.of(to)} . ${address}`, mark);
}

/** From services, and through the tunnel to them, by how they came in; the destination's address says which lane it is. */
function addWaysOn(into: ElementCollector, lane: Lane, { marks, addresses }: Ends): void {
  const { mark, outer, zone, vni, ends, targets } = lane;
  if (!ends) into.add('vni', String(vni), outer);
  const isSpread = targets.length > 1;
  const passing = hex(CHAINED.passing + (Number(mark) - CHAINED.lane));
  if (isSpread) into.add('zones', passing, String(zone));
  const way = isSpread ? passing : (onlyWay(lane, marks) ?? mark);
  const origins = originsOf(lane);
  for (const { address, isHere } of addresses) {
    // Of a pod here the flow is judged here.
    const onward = ends && isHere ? mark : way;
    for (const origin of origins) into.add(`onward${familyOf(address)}`, `${origin} . ${address}`, onward);
  }
}

/** Marks of what has come in: from a service behind the lane, and through the tunnel to one ahead of it. */
function originsOf({ begins, ends, entrance, outer }: Lane): readonly string[] {
  return [...(begins ? [] : [entrance]), ...(ends ? [] : [outer])];
}

/** What a service sends on is others': of its near network's pods. */
function addDoors(
  into: ElementCollector,
  lane: Lane,
  { state, bindings, sources }: Omit<ChainContext, 'marks'> & Pick<Ends, 'sources'>,
): void {
  for (const { vmi, addresses } of lane.doors) {
    const host = bindings.get(vmi);
    if (host === undefined || !state.ports.some((port) => port.vmi === vmi)) continue;
    into.add('doors', `"${host}"`);
    for (const address of addresses) into.add(`own_of_doors${familyOf(address)}`, `${address} . "${host}"`);
    for (const { address } of sources) into.add(`port${familyOf(address)}`, `${address} . "${host}"`, lane.entrance);
  }
}

/** Flows that may begin on the lane, and answers to those that have begun in the other heading. */
function addFlows(into: ElementCollector, lane: Lane, marks: Marks): void {
  const { chain, from, begins } = lane;
  for (const passage of chain.passages) {
    const pair = marks.pair(passage.from, passage.to);
    const direction = passage.from === from ? 'original' : 'reply';
    if (direction === 'reply') addKnown(into, lane, { marks, flow: `${pair} . reply` });
    else addBeginning(into, lane, { marks, passage, pair });
    // An error of a service's own about such a flow comes from its network.
    if (!begins) continue;
    const back = direction === 'original' ? 'reply' : 'original';
    into.add('known', `${marks.of(from)} . ${pair} . ${back}`, marks.of(from));
  }
}

function addBeginning(
  into: ElementCollector,
  lane: Lane,
  { marks, passage, pair }: { readonly marks: Marks; readonly passage: Passage; readonly pair: string },
): void {
  const { mark } = lane;
  const isWhole = passage.limits === undefined;
  into.add(isWhole ? 'lane_pairs' : 'limited_lane_pairs', mark, pair);
  addLimits(into, pair, passage);
  if (isWhole) addKnown(into, lane, { marks, flow: `${pair} . original` });
  else into.add('limited_forth', `${mark} . ${pair}`, mark);
}

/** Packets of such flows go on at once, where their lane leads to one place. */
function addKnown(
  into: ElementCollector,
  lane: Lane,
  { marks, flow }: { readonly marks: Marks; readonly flow: string },
): void {
  const way = onlyWay(lane, marks);
  into.add(way === undefined ? 'known_spread' : 'known', `${lane.mark} . ${flow}`, way ?? lane.mark);
}

/** To pods of its network, to the only instance, or to one of several by the flow's bucket. */
function addWayOn(into: ElementCollector, lane: Lane, marks: Marks): void {
  const { mark, targets } = lane;
  const way = onlyWay(lane, marks);
  if (way !== undefined) into.add('lane_ways', mark, way);
  const [first] = targets;
  if (first === undefined || way !== undefined) return;
  for (const bucket of Array(BUCKETS).keys())
    into.add('lane_buckets', `${mark} . ${bucket}`, chosenFor(bucket, targets, first).mark);
}

/** The mark of the only place that a lane leads to, if it is one. */
function onlyWay({ to, ends, targets }: Lane, marks: Marks): string | undefined {
  if (ends) return marks.of(to);
  return targets.length === 1 ? targets[0]?.mark : undefined;
}

/** Rendezvous hashing: every node chooses alike, and of an instance that goes only the flows move. */
function chosenFor(bucket: number, targets: readonly Target[], first: Target): Target {
  const weight = ({ instance }: Target): number => hashOf(`${instance} ${bucket}`);
  return targets.reduce((best, each) => (weight(each) > weight(best) ? each : best), first);
}

/** The addresses of a network's pods, here and elsewhere. */
function addressLookup({ ports, remotes }: ForwardingState): (network: InstanceId) => readonly End[] {
  const byNetwork = new Map<InstanceId, End[]>();
  const local = ports.flatMap(({ addresses, network }) =>
    addresses.map((address) => ({ address, network, isHere: true })),
  );
  const elsewhere = remotes.map(({ address, network }) => ({ address, network, isHere: false }));
  for (const { network, ...end } of [...local, ...elsewhere]) {
    const list = byNetwork.get(network);
    if (list === undefined) byNetwork.set(network, [end]);
    else list.push(end);
  }
  return (network) => byNetwork.get(network) ?? [];
}
