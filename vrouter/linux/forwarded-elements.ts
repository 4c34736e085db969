/** The elements of networks that the underlay routes. Pure. */
import type { Bindings, ForwardingState, Underlay } from '../model.ts';
import type { InstanceId, Passage } from '../model/networks.ts';
import { OUTSIDE } from '../model/networks.ts';
import type { ElementCollector } from './document.ts';
import { OUTSIDE_MARK } from './edges.ts';
import { familyOf } from './family.ts';
import { forwardedNetworks, nextHop } from './forwarded-entries.ts';
import { addLimits } from './limits.ts';
import { forwardedMark, type Marks } from './marks.ts';
import { nodeAddresses } from './node-addresses.ts';

interface Context {
  readonly state: ForwardingState;
  readonly bindings: Bindings;
  readonly marks: Marks;
  readonly underlay: Underlay;
}

/** Adds who is routed, by whom, and as what. */
export function addForwarded(into: ElementCollector, context: Context): void {
  const { state, bindings } = context;
  const ids = forwardedNetworks(state);
  for (const address of nodeAddresses(state)) into.add(`machine${familyOf(address)}`, address);
  addNodes(into, context);
  for (const { address, network, node } of state.remotes) {
    const mac = ids.has(network) ? macOf(node, address, context) : undefined;
    if (mac !== undefined) into.add(`forwarders${familyOf(address)}`, `${address} . ${mac}`, context.marks.of(network));
  }
  for (const { vmi, network, addresses } of state.ports) {
    if (!ids.has(network) || !bindings.has(vmi)) continue;
    for (const address of addresses) addOwn(into, { address, network }, context);
  }
  addFlows(into, ids, context);
  for (const passage of state.inbound) addInbound(into, passage, context.marks);
}

function addNodes(into: ElementCollector, { state, marks, underlay }: Context): void {
  for (const address of state.peers.flatMap(nodeAddresses)) {
    const mac = underlay.neighbours.get(address);
    if (mac === undefined) continue;
    into.add(`neighbours${familyOf(address)}`, address);
    into.add(`forwarding_nodes${familyOf(address)}`, `${address} . ${mac}`, marks.of(state.fabric));
  }
}

function macOf(node: string, address: string, { state, underlay }: Context): string | undefined {
  const hop = nextHop(node, familyOf(address), { state, underlay });
  return hop === undefined ? undefined : underlay.neighbours.get(hop);
}

function addOwn(
  into: ElementCollector,
  { address, network }: { readonly address: string; readonly network: InstanceId },
  { state, marks }: Context,
): void {
  const n = familyOf(address);
  into.add(`forwarded${n}`, address);
  if (state.inbound.some(({ to }) => to === network)) into.add(`inbound${n}`, address, marks.inboundPair(network));
}

/** Flows between two ends that the underlay routes. */
function addFlows(into: ElementCollector, ids: ReadonlySet<InstanceId>, { state, marks }: Context): void {
  const isEnd = (id: InstanceId): boolean => ids.has(id) || id === state.fabric;
  const isRouted = ({ from, to }: Passage): boolean => isEnd(from) && isEnd(to) && from + to !== 2 * state.fabric;
  for (const { from, to } of state.servicePassages.filter(isRouted))
    into.add('served_by_underlay', marks.pair(from, to));
  for (const { from, to } of [...state.passages, ...state.servicePassages].filter(isRouted)) {
    into.add('by_underlay', marks.pair(from, to), forwardedMark(to));
    if (ids.has(from) && ids.has(to)) into.add('unmasked', marks.pair(from, to));
  }
  for (const id of ids) {
    into.add('by_underlay', marks.pair(state.fabric, id), forwardedMark(id));
    into.add('unmasked', marks.pair(id, OUTSIDE));
    into.add('unmasked_nodes', marks.pair(id, state.fabric));
  }
}

function addInbound(into: ElementCollector, passage: Passage, marks: Marks): void {
  const [pair, mark] = [marks.inboundPair(passage.to), marks.of(passage.to)];
  into.add(passage.limits === undefined ? 'arriving' : 'limited_arriving', pair, mark);
  addLimits(into, pair, passage);
  into.add('known', `${mark} . ${pair} . reply`, OUTSIDE_MARK);
}
