/** The elements of service chains. Pure. */
import type { Bindings, ForwardingState, InstanceId, Passage } from '../model.ts';
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
    addWaysIn(into, lane, { marks, addresses: addressesIn(lane.to), sources: addressesIn(lane.from) });
    addDoors(into, lane, { state, bindings });
    addFlows(into, lane, marks);
    addWayOn(into, lane, marks);
  }
}

interface Ends {
  readonly marks: Marks;
  /** Of the pods that the lane goes to, and of those it comes from. */
  readonly addresses: readonly string[];
  readonly sources: readonly string[];
}

/** From pods by their network, from services and the tunnel by the entrance; the destination's address says which lane it is. */
function addWaysIn(into: ElementCollector, lane: Lane, { marks, addresses, sources }: Ends): void {
  const { from, to, mark, entrance, zone, vni, begins, ends } = lane;
  into.add('zones', mark, String(zone));
  into.add('turned', mark, lane.turned.entrance);
  if (!ends) into.add('vni', String(vni), hex(CHAINED.outer + (Number(entrance) - CHAINED.entrance)));
  for (const address of addresses) {
    const n = familyOf(address);
    into.add(`lanes${n}`, `${entrance} . ${address}`, mark);
    if (!begins) continue;
    into.add(`lanes${n}`, `${marks.of(from)} . ${address}`, mark);
    into.add(`inner_zones${n}`, `${marks.of(from)} . 0x${valueOf(address).toString(16)}`, String(zone));
  }
  // At its end the tunnel brings it under the network's own number.
  if (ends)
    for (const address of sources) into.add(`arrivals${familyOf(address)}`, `${marks.of(to)} . ${address}`, mark);
}

function addDoors(into: ElementCollector, lane: Lane, { state, bindings }: Omit<ChainContext, 'marks'>): void {
  for (const { vmi, addresses } of lane.doors) {
    const host = bindings.get(vmi);
    if (host === undefined || !state.ports.some((port) => port.vmi === vmi)) continue;
    into.add('doors', `"${host}"`, lane.entrance);
    into.add('door_names', `"${host}"`);
    for (const address of addresses) into.add(`own_of_doors${familyOf(address)}`, `${address} . "${host}"`);
  }
}

/** Flows that may begin on the lane, and answers to those that have begun in the other heading. */
function addFlows(into: ElementCollector, { chain, from, mark, begins }: Lane, marks: Marks): void {
  for (const passage of chain.passages) {
    const pair = marks.pair(passage.from, passage.to);
    const direction = passage.from === from ? 'original' : 'reply';
    if (direction === 'reply') into.add('known', `${mark} . ${pair} . reply`, mark);
    else addBeginning(into, { passage, pair, mark });
    // An error of a service's own about such a flow comes from its network.
    if (!begins) continue;
    const back = direction === 'original' ? 'reply' : 'original';
    into.add('known', `${marks.of(from)} . ${pair} . ${back}`, marks.of(from));
  }
}

function addBeginning(
  into: ElementCollector,
  { passage, pair, mark }: { readonly passage: Passage; readonly pair: string; readonly mark: string },
): void {
  const isWhole = passage.limits === undefined;
  into.add(isWhole ? 'lane_pairs' : 'limited_lane_pairs', mark, pair);
  addLimits(into, pair, passage);
  if (isWhole) into.add('known', `${mark} . ${pair} . original`, mark);
  else into.add('limited_forth', `${mark} . ${pair}`, mark);
}

/** To pods of its network, to the only instance, or to one of several by the flow's bucket. */
function addWayOn(into: ElementCollector, { to, mark, ends, targets }: Lane, marks: Marks): void {
  const [first, ...others] = targets;
  if (ends) into.add('lane_ends', mark, marks.of(to));
  if (first === undefined) return;
  if (others.length === 0) into.add('lane_targets', mark, first.mark);
  else
    for (const bucket of Array(BUCKETS).keys())
      into.add('lane_buckets', `${mark} . ${bucket}`, chosenFor(bucket, targets, first).mark);
}

/** Rendezvous hashing: every node chooses alike, and of an instance that goes only the flows move. */
function chosenFor(bucket: number, targets: readonly Target[], first: Target): Target {
  const weight = ({ instance }: Target): number => hashOf(`${instance} ${bucket}`);
  return targets.reduce((best, each) => (weight(each) > weight(best) ? each : best), first);
}

/** The addresses of a network's pods, here and elsewhere. */
function addressLookup({ ports, remotes }: ForwardingState): (network: InstanceId) => readonly string[] {
  const byNetwork = new Map<InstanceId, string[]>();
  const local = ports.flatMap(({ addresses, network }) => addresses.map((address) => ({ address, network })));
  for (const { address, network } of [...local, ...remotes]) {
    const list = byNetwork.get(network);
    if (list === undefined) byNetwork.set(network, [address]);
    else list.push(address);
  }
  return (network) => byNetwork.get(network) ?? [];
}
