/** The elements of the cluster's edges. Pure. */
import type { ForwardingState } from '../model.ts';
import type { EgressAddress, FloatingAddress } from '../model/edges.ts';
import type { InstanceId, Passage } from '../model/networks.ts';
import { OUTSIDE } from '../model/networks.ts';
import type { ElementCollector } from './document.ts';
import { OUTSIDE_MARK } from './edges.ts';
import { addExternalFlow } from './external-elements.ts';
import { familyOf } from './family.ts';
import { addBlocks } from './guidance.ts';
import { addLimits } from './limits.ts';
import { addChoices, pairOf, wayNumbers } from './routed.ts';
import { externalMark, hex, type Marks, NO_MARK, ROUTED_MAGIC } from './marks.ts';

/** Adds floating addresses, and what is never sought outside. */
export function addEdges(into: ElementCollector, state: ForwardingState, marks: Marks): void {
  const { outbound, inbound, floating: floats, egress: routed, externals } = state;
  if ([outbound, inbound, floats, routed, externals].every(({ length }) => length === 0)) return;
  addInside(into, state, marks);
  for (const passage of outbound) addOutbound(into, passage, marks);
  const numberOf = wayNumbers(routed);
  addChoices(into, routed, marks);
  for (const egress of routed) addRouted(into, egress, { marks, way: hex(ROUTED_MAGIC + numberOf(egress)) });
  for (const floating of floats) {
    if (floating.inward) addInward(into, floating, { marks, fabric: state.fabric });
    if (floating.outward) addOutward(into, floating, marks);
  }
  for (const floating of state.floatingElsewhere) {
    addTargets(into, floating);
    addTurn(into, floating, { marks, fabric: state.fabric });
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
  addFromUnderlay(into, { pair, direction: 'reply', mark });
}

/**
 * Packets of a direction that the underlay brings to an address of the edge's, to the mark of their destination. Nearly all of them are
 * known at once; those that bring other software's mark along, or whose flow has not been answered yet, are sought by their pair alone.
 */
function addFromUnderlay(
  into: ElementCollector,
  { pair, direction, mark }: { readonly pair: string; readonly direction: 'original' | 'reply'; readonly mark: string },
): void {
  into.add(direction === 'reply' ? 'back_from_fabric' : 'arriving', pair, mark);
  into.add('known', `${NO_MARK} . ${pair} . ${direction}`, mark);
}

/** Here they are translated, or they go to the node where they are; answers come from the underlay, or from there. */
function addRouted(
  into: ElementCollector,
  egress: EgressAddress,
  { marks, way: elsewhere }: { readonly marks: Marks; readonly way: string },
): void {
  const { address, network, via, external } = egress;
  const [pair, mark] = [pairOf(egress, marks), marks.of(network)];
  const way = via === undefined ? wayOutside(external) : elsewhere;
  into.add(`router_addresses${familyOf(address)}`, address);
  into.add('ways_out', pair, way);
  into.add('known', `${mark} . ${pair} . original`, way);
  if (via === undefined) {
    into.add(`router_sources${familyOf(address)}`, pair, address);
    addAnswers(into, { pair, mark, external });
  } else into.add('known', `${mark} . ${pair} . reply`, mark);
}

/** The mark of what goes outside: there are several ways. */
function wayOutside(external: InstanceId | undefined): string {
  return external === undefined ? OUTSIDE_MARK : externalMark(external);
}

interface Leaving {
  readonly pair: string;
  /** The source's. */
  readonly mark: string;
  readonly external: InstanceId | undefined;
}

/** Answers to a flow that has gone outside come from where it went. */
function addAnswers(into: ElementCollector, { pair, mark, external }: Leaving): void {
  if (external === undefined) {
    addFromUnderlay(into, { pair, direction: 'reply', mark });
    return;
  }
  into.add('known', `${externalMark(external)} . ${pair} . reply`, mark);
  addExternalFlow(into, { pair, way: externalMark(external), direction: 'original' });
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

interface Around {
  readonly marks: Marks;
  readonly fabric: InstanceId;
}

function addInward(into: ElementCollector, floating: FloatingAddress, { marks, fabric }: Around): void {
  const { address, network, external } = floating;
  const n = familyOf(address);
  const [pair, way] = [marks.pair(external ?? OUTSIDE, network), wayOutside(external)];
  into.add(`float_pairs${n}`, address, pair);
  into.add('known', `${marks.of(network)} . ${pair} . reply`, way);
  if (external === undefined) addFromUnderlay(into, { pair, direction: 'original', mark: marks.of(network) });
  else {
    into.add('arriving', pair, marks.of(network));
    into.add('known', `${way} . ${pair} . original`, marks.of(network));
    addExternalFlow(into, { pair, way, direction: 'reply' });
  }
  addTargets(into, floating);
  // Where addresses overlap with others', neither the node nor its other pods know the way.
  if (!marks.isOverlapping(network)) addTurn(into, floating, { marks, fabric });
}

/** What the address becomes. */
function addTargets(
  into: ElementCollector,
  { address, target, ports }: Pick<FloatingAddress, 'address' | 'target' | 'ports'>,
): void {
  const n = familyOf(address);
  if (ports === undefined) into.add(`float_targets${n}`, address, target);
  for (const { protocol, port, targetPort } of ports ?? [])
    into.add(`float_ports${n}`, `${address} . ${protocol} . ${port}`, `${target} . ${targetPort}`);
}

/** It does for this node and its pods, too. */
function addTurn(
  into: ElementCollector,
  { address, network }: Pick<FloatingAddress, 'address' | 'network'>,
  { marks, fabric }: Around,
): void {
  const n = familyOf(address);
  into.add(`float_hosts${n}`, address, marks.pair(fabric, network));
  into.add(`float_turns${n}`, address);
}

function addOutward(
  into: ElementCollector,
  { address, target, network, external }: FloatingAddress,
  marks: Marks,
): void {
  const n = familyOf(address);
  const mark = marks.of(network);
  const isPlain = external === undefined;
  const [pair, way] = [isPlain ? marks.floatingPair(network) : marks.pair(network, external), wayOutside(external)];
  into.add(`${isPlain ? 'leaving' : 'leaving_external'}${n}`, `${mark} . ${target}`, pair);
  if (!isPlain) into.add('ways_out', pair, way);
  into.add(`float_sources${n}`, `${pair} . ${target}`, address);
  into.add('known', `${mark} . ${pair} . original`, way);
  addAnswers(into, { pair, mark, external });
}
