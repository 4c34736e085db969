/** The elements of the nftables sets and maps, from the forwarding state. Pure. */
import type { Bindings, ForwardingState, Underlay } from '../model.ts';
import type { InstanceId, Network, Passage } from '../model/networks.ts';
import { rangeOf } from './address-value.ts';
import { ElementCollector } from './document.ts';
import type { Elements } from './document.ts';
import { balancerElements } from './balancer-elements.ts';
import { addChains } from './chain-elements.ts';
import { addEdges } from './edge-elements.ts';
import { addExternals } from './external-elements.ts';
import { familyOf } from './family.ts';
import { addForwarded } from './forwarded-elements.ts';
import { addGuidance } from './guidance.ts';
import { addLimits } from './limits.ts';
import { hex, HOST_TO_OWN_PODS, marksOf } from './marks.ts';
import type { Marks } from './marks.ts';
import { knownAddresses } from './node-addresses.ts';
import { addPolicies, judgedArrivals } from './policy-elements.ts';
import { addProbes } from './probes.ts';

/** Every set and map of the table with its elements; sets without elements are absent. */
export function elements(
  state: ForwardingState,
  bindings: Bindings,
  underlay?: Underlay,
): ReadonlyMap<string, Elements> {
  const into = new ElementCollector();
  const marks = marksOf(state.networks);
  addMachines(into, state, marks);
  addNetworks(into, state.networks, marks);
  addPods(into, { state, bindings, marks });
  addGuidance(into, state, marks);
  addPassages(into, state, marks);
  addProbes(into, { state, bindings, marks }, (to) => {
    addDirections(into, { marks, fabric: state.fabric, passage: { from: state.fabric, to }, isWhole: true });
  });
  addEdges(into, state, marks);
  addExternals(into, state, marks);
  if (underlay !== undefined) addForwarded(into, { state, bindings, marks, underlay });
  addChains(into, { state, bindings, marks });
  addPolicies(into, { state, bindings, marks });
  addHostServices(into, state, marks);
  return joined(into.sets, balancerElements(state));
}

/** What many services make is not made, nor compared, again because a port was bound: a set that nobody else adds to stays the same. */
function joined(
  sets: ReadonlyMap<string, Elements>,
  made: ReadonlyMap<string, Elements>,
): ReadonlyMap<string, Elements> {
  const both = [...made].map(([name, elements]) => {
    const others = sets.get(name);
    return [name, others === undefined ? elements : new Map([...elements, ...others])] as const;
  });
  return new Map([...sets, ...both]);
}

function addMachines(into: ElementCollector, state: ForwardingState, marks: Marks): void {
  for (const node of [state, ...state.peers]) {
    if (node.address !== undefined) into.add(`nodes${familyOf(node.address)}`, node.address);
    for (const machine of knownAddresses(node)) {
      into.add(`machines${familyOf(machine)}`, machine, marks.of(state.fabric));
    }
  }
}

function addNetworks(into: ElementCollector, networks: readonly Network[], marks: Marks): void {
  for (const { id, overlapping, subnets } of networks) {
    into.add('vni', String(id), marks.outerOf(id));
    if (!overlapping) continue;
    into.add('zones', marks.of(id), String(id));
    for (const a of subnets) {
      for (const b of subnets.filter((other) => familyOf(other) === familyOf(a))) {
        into.add(`own${familyOf(a)}`, `${marks.of(id)} . ${a} . ${b}`);
        into.add(`inner${familyOf(a)}`, `${marks.of(id)} . ${hexRange(a)} . ${hexRange(b)}`);
      }
    }
  }
}

function addPods(
  into: ElementCollector,
  { state, bindings, marks }: { state: ForwardingState; bindings: Bindings; marks: Marks },
): void {
  const local = state.ports.flatMap(({ addresses, network }) => addresses.map((address) => ({ address, network })));
  for (const each of [...local, ...state.remotes]) addOwn(into, each, marks);
  const judged = judgedArrivals(state);
  for (const port of state.ports) {
    const host = bindings.get(port.vmi);
    for (const address of port.addresses) {
      const n = familyOf(address);
      addDestination(into, { address, network: port.network }, { state, marks });
      if (host === undefined) continue;
      into.add(`port${n}`, `${address} . "${host}"`, marks.of(port.network));
      const own = { from: port.network, to: port.network };
      for (const mark of new Set([marks.of(port.network), marks.way(own, port.network)]))
        into.add(`here${n}`, `${address} . ${mark}`, `goto ${judged.has(port.vmi) ? `ingress${n}` : 'arrived'}`);
      if (marks.isOverlapping(port.network)) continue;
      into.add(`own_pods${n}`, address);
      into.add(`hairpin${n}`, `${address} . ${address}`);
    }
  }
  for (const remote of state.remotes) addDestination(into, remote, { state, marks });
}

/** A flat network's address means the same to all; an overlapping one's, and whatever such a network sees, depends on the source. */
function addDestination(
  into: ElementCollector,
  { address, network }: Address,
  { state, marks }: { state: ForwardingState; marks: Marks },
): void {
  const n = familyOf(address);
  const overlapping = marks.isOverlapping(network);
  if (!overlapping) into.add(`pods${n}`, address, marks.of(network));
  for (const { from, to } of state.passages) {
    if (to === network && from !== to && (overlapping || marks.isOverlapping(from)))
      into.add(`peers${n}`, `${marks.of(from)} . ${address}`, marks.of(network));
  }
}

/** Where networks that may talk have an address in common, each means its own. */
function addOwn(into: ElementCollector, { address, network }: Address, marks: Marks): void {
  if (!marks.isOverlapping(network)) return;
  into.add(`peers${familyOf(address)}`, `${marks.of(network)} . ${address}`, marks.of(network));
}

function addPassages(into: ElementCollector, state: ForwardingState, marks: Marks): void {
  const base = { marks, fabric: state.fabric };
  const whole = new Set(state.passages.filter(({ limits }) => limits === undefined).map(pairText));
  for (const passage of state.passages) {
    const isWhole = passage.limits === undefined;
    addPassage(into, { ...base, passage, isWhole, map: isWhole ? 'pairs' : 'limited_pairs' });
  }
  for (const passage of state.servicePassages) {
    const isWhole = whole.has(pairText(passage));
    addPassage(into, { ...base, passage, isWhole, isTranslated: true, map: 'service_pairs' });
    addElsewhere(into, passage, base);
  }
  for (const to of new Set(state.ports.map(({ network }) => network))) {
    if (marks.isOverlapping(to)) continue;
    const passage = { from: state.fabric, to };
    into.add('pairs', `${hex(HOST_TO_OWN_PODS)} . ${marks.of(to)}`, marks.pair(state.fabric, to));
    addDirections(into, { ...base, passage, isWhole: true });
  }
}

/** Services of networks whose addresses may be others' too. */
function addElsewhere(
  into: ElementCollector,
  { from, to }: Passage,
  { marks, fabric }: { readonly marks: Marks; readonly fabric: InstanceId },
): void {
  if (!marks.isOverlapping(to)) return;
  const pair = marks.pair(from, to);
  if (from === fabric) into.add('host_elsewhere', pair, marks.of(to));
  if (from !== to) return;
  // What is answered from its own network, and not through the translation, would be another connection there (facts 1.5).
  into.add('masked_services', pair);
  into.add('known', `${marks.of(fabric)} . ${pair} . reply`, marks.of(from));
}

interface Address {
  readonly address: string;
  readonly network: InstanceId;
}

interface PassageContext {
  readonly passage: Passage;
  readonly marks: Marks;
  readonly fabric: InstanceId;
  /** Whether the pair stands for all traffic: not for limited traffic, nor for translated flows alone. */
  readonly isWhole: boolean;
  /** Whether it stands for translated flows: others between the networks may pass a chain, as they are. */
  readonly isTranslated?: boolean;
}

function addPassage(into: ElementCollector, { map, ...context }: PassageContext & { readonly map: string }): void {
  const { passage, marks } = context;
  const pair = marks.pair(passage.from, passage.to);
  into.add(map, `${marks.of(passage.from)} . ${marks.of(passage.to)}`, pair);
  addLimits(into, pair, passage);
  addDirections(into, context);
}

function pairText({ from, to }: Passage): string {
  return `${from} ${to}`;
}

/** A flow's original packets come from its source's network; its replies from either (the tunnel carries the client's). */
function addDirections(
  into: ElementCollector,
  { passage: { from, to }, marks, fabric, isWhole, isTranslated = false }: PassageContext,
): void {
  const pair = marks.pair(from, to);
  const [way, wayBack] = [marks.way({ from, to }, to), marks.way({ from, to }, from)];
  const back = (ingress: InstanceId): void =>
    from === fabric
      ? into.add('known_to_fabric', `${marks.of(ingress)} . ${pair}`, wayBack)
      : into.add('known', `${marks.of(ingress)} . ${pair} . reply`, wayBack);
  if (isWhole) into.add('known', `${marks.of(from)} . ${pair} . original`, way);
  else into.add('limited_forth', `${marks.of(from)} . ${pair}`, way);
  back(to);
  back(from);
  if (from === fabric) into.add('forth_by_host', pair);
  else if (to === fabric) into.add('back_from_fabric', pair, marks.of(from));
  if (!marks.isOverlapping(from)) return;
  into.add('back_by_host', pair, marks.of(from));
  if (from === to) return;
  // The other side does not know this address as its own: the flow goes out, and comes back, under the node's.
  into.add(isTranslated ? 'masked_services' : 'masked', pair);
  back(fabric);
}

function addHostServices(into: ElementCollector, state: ForwardingState, marks: Marks): void {
  const reached = new Set(
    state.passages.filter(({ from, limits }) => from === state.fabric && limits === undefined).map(({ to }) => to),
  );
  for (const { vip, network } of state.services) {
    if (reached.has(network)) into.add(`host_vips${familyOf(vip)}`, vip, marks.of(state.fabric));
  }
}

/** A CIDR as a range of raw bytes, since a payload without a type takes no prefix. */
function hexRange(cidr: string): string {
  const [first, last] = rangeOf(cidr);
  return `0x${first.toString(16)}-0x${last.toString(16)}`;
}
