/** The elements of the cluster's edges. Pure. */
import type { EgressAddress, FloatingAddress, ForwardingState, InstanceId, Passage } from '../model.ts';
import { OUTSIDE } from '../model.ts';
import type { ElementCollector } from './document.ts';
import { OUTSIDE_MARK } from './edges.ts';
import { familyOf } from './family.ts';
import { addBlocks } from './guidance.ts';
import { addLimits } from './limits.ts';
import { hex, type Marks, ROUTED_MAGIC } from './marks.ts';

/** Adds floating addresses, and what is never sought outside. */
export function addEdges(into: ElementCollector, state: ForwardingState, marks: Marks): void {
  if (state.outbound.length + state.inbound.length + state.floating.length + state.egress.length === 0) return;
  addInside(into, state, marks);
  for (const passage of state.outbound) addOutbound(into, passage, marks);
  for (const egress of state.egress) addRouted(into, egress, marks);
  for (const floating of state.floating) {
    if (floating.inward) addInward(into, floating, { marks, fabric: state.fabric });
    if (floating.outward) addOutward(into, floating, marks);
  }
}

/** Answers come to this node's own address, from the underlay. */
function addOutbound(into: ElementCollector, passage: Passage, marks: Marks): void {
  const isWhole = passage.limits === undefined;
  const [pair, mark] = [marks.pair(passage.from, passage.to), marks.of(passage.from)];
  into.add(isWhole ? 'outbound' : 'limited_outbound', mark, pair);
  addLimits(into, pair, passage);
  if (isWhole) into.add('known', `${mark} . ${pair} . original`, OUTSIDE_MARK);
  else into.add('limited_forth', `${mark} . ${pair}`, OUTSIDE_MARK);
  into.add('back_from_fabric', pair, mark);
}

/** Here they are translated, or they go to the node where they are; answers come from the underlay, or from there. */
function addRouted(into: ElementCollector, { address, network, via }: EgressAddress, marks: Marks): void {
  const n = familyOf(address);
  const [pair, mark] = [marks.routedPair(network, n), marks.of(network)];
  const way = via === undefined ? OUTSIDE_MARK : hex(ROUTED_MAGIC + network);
  into.add(`routed${n}`, mark, pair);
  into.add('ways_out', pair, way);
  into.add('known', `${mark} . ${pair} . original`, way);
  if (via === undefined) {
    into.add(`router_sources${n}`, pair, address);
    into.add('back_from_fabric', pair, mark);
  } else into.add('known', `${mark} . ${pair} . reply`, mark);
}

function addInside(into: ElementCollector, state: ForwardingState, marks: Marks): void {
  const flat = state.networks.filter(({ overlapping }) => !overlapping).flatMap(({ subnets }) => subnets);
  const guided = state.guidance?.kind === 'led' ? state.guidance.blocks : [];
  addBlocks(into, 'inside', [...flat, ...guided]);
  for (const { id, overlapping, subnets } of state.networks) {
    if (!overlapping) continue;
    for (const cidr of subnets) into.add(`inside_own${familyOf(cidr)}`, `${marks.of(id)} . ${cidr}`);
  }
}

function addInward(
  into: ElementCollector,
  { address, target, network, ports }: FloatingAddress,
  { marks, fabric }: { readonly marks: Marks; readonly fabric: InstanceId },
): void {
  const n = familyOf(address);
  const pair = marks.pair(OUTSIDE, network);
  into.add(`float_pairs${n}`, address, pair);
  into.add('arriving', pair, marks.of(network));
  into.add('known', `${marks.of(network)} . ${pair} . reply`, OUTSIDE_MARK);
  if (ports === undefined) into.add(`float_targets${n}`, address, target);
  for (const { protocol, port, targetPort } of ports ?? [])
    into.add(`float_ports${n}`, `${address} . ${protocol} . ${port}`, `${target} . ${targetPort}`);
  // Where addresses overlap with others', neither the node nor its other pods know the way.
  if (marks.isOverlapping(network)) return;
  into.add(`float_hosts${n}`, address, marks.pair(fabric, network));
  into.add(`float_turns${n}`, address);
}

function addOutward(into: ElementCollector, { address, target, network }: FloatingAddress, marks: Marks): void {
  const n = familyOf(address);
  const pair = marks.floatingPair(network);
  into.add(`leaving${n}`, `${marks.of(network)} . ${target}`, pair);
  into.add(`float_sources${n}`, `${pair} . ${target}`, address);
  into.add('known', `${marks.of(network)} . ${pair} . original`, OUTSIDE_MARK);
  into.add('back_from_fabric', pair, marks.of(network));
}
