/** The elements of the nftables sets and maps, from the forwarding state. Pure. */
import type { Bindings, ForwardingState, InstanceId, Network, Passage, Service } from '../model.ts';
import { ElementCollector } from './document.ts';
import type { Elements } from './document.ts';
import { hex, HOST_TO_OWN_PODS, marksOf } from './marks.ts';
import type { Marks } from './marks.ts';

/** Up to this many back ends a service has one slot each; beyond, `MANY_SLOTS` are shared out. */
const EXACT_SLOTS = 64;
const MANY_SLOTS = 1024;

/** Every set and map of the table with its elements; sets without elements are absent. */
export function elements(state: ForwardingState, bindings: Bindings): ReadonlyMap<string, Elements> {
  const into = new ElementCollector();
  const marks = marksOf(state.networks);
  addMachines(into, state, marks);
  addNetworks(into, state.networks, marks);
  addPods(into, { state, bindings, marks });
  addPassages(into, state, marks);
  state.services.forEach((service) => addService(into, service, marks));
  addHostServices(into, state, marks);
  return into.sets;
}

/** The numbers of back ends that services of a family have. */
export function backendCounts(services: readonly Service[], n: '4' | '6'): readonly number[] {
  const counts = services
    .filter(({ vip, backends }) => familyOf(vip) === n && backends.length > 0)
    .map(({ backends }) => slotCount(backends.length));
  return [...new Set(counts)].sort((a, b) => a - b);
}

function addMachines(into: ElementCollector, state: ForwardingState, marks: Marks): void {
  const own = state.address === undefined ? [] : [state.address];
  const own6 = [state, ...state.peers].flatMap(({ address6 }) => address6 ?? []);
  for (const address of [...own, ...state.peers.map((peer) => peer.address), ...own6]) {
    if (familyOf(address) === '4') into.add('nodes4', address);
    into.add(`machines${familyOf(address)}`, address, marks.of(state.fabric));
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
  for (const port of state.ports) {
    const host = bindings.get(port.vmi);
    for (const address of port.addresses) {
      const n = familyOf(address);
      addDestination(into, { address, network: port.network }, { state, marks });
      if (host === undefined) continue;
      into.add(`port${n}`, `${address} . "${host}"`, marks.of(port.network));
      into.add(`here${n}`, `${address} . ${marks.of(port.network)}`);
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
  { address, network }: { address: string; network: InstanceId },
  { state, marks }: { state: ForwardingState; marks: Marks },
): void {
  const n = familyOf(address);
  const overlapping = marks.isOverlapping(network);
  if (!overlapping) into.add(`pods${n}`, address, marks.of(network));
  for (const { from, to } of state.passages) {
    if (to === network && (overlapping || marks.isOverlapping(from)))
      into.add(`peers${n}`, `${marks.of(from)} . ${address}`, marks.of(network));
  }
}

function addPassages(into: ElementCollector, state: ForwardingState, marks: Marks): void {
  state.passages.forEach((passage) => addPassage(into, { map: 'pairs', passage, marks, fabric: state.fabric }));
  state.servicePassages.forEach((passage) =>
    addPassage(into, { map: 'service_pairs', passage, marks, fabric: state.fabric }),
  );
  for (const to of new Set(state.ports.map(({ network }) => network))) {
    if (marks.isOverlapping(to)) continue;
    const passage = { from: state.fabric, to };
    into.add('pairs', `${hex(HOST_TO_OWN_PODS)} . ${marks.of(to)}`, marks.pair(state.fabric, to));
    addDirections(into, { passage, marks, fabric: state.fabric });
  }
}

interface PassageContext {
  readonly passage: Passage;
  readonly marks: Marks;
  readonly fabric: InstanceId;
}

function addPassage(into: ElementCollector, { map, ...context }: PassageContext & { readonly map: string }): void {
  const { passage, marks } = context;
  into.add(map, `${marks.of(passage.from)} . ${marks.of(passage.to)}`, marks.pair(passage.from, passage.to));
  addDirections(into, context);
}

/** A flow's original packets come from its source's network; its replies from either (the tunnel carries the client's). */
function addDirections(into: ElementCollector, { passage: { from, to }, marks, fabric }: PassageContext): void {
  const pair = marks.pair(from, to);
  into.add('forth', `${marks.of(from)} . ${pair}`, marks.of(to));
  into.add('back', `${marks.of(to)} . ${pair}`, marks.of(from));
  into.add('back', `${marks.of(from)} . ${pair}`, marks.of(from));
  if (from === fabric) into.add('forth_by_host', pair);
  else if (to === fabric) into.add('back_from_fabric', pair, marks.of(from));
  if (!marks.isOverlapping(from)) return;
  into.add('back_by_host', pair, marks.of(from));
  if (from === to) return;
  // The other side does not know this address as its own: the flow goes out, and comes back, under the node's.
  into.add('masked', pair);
  into.add('back', `${marks.of(fabric)} . ${pair}`, marks.of(from));
}

function addService(into: ElementCollector, { vip, network, protocol, port, backends }: Service, marks: Marks): void {
  const n = familyOf(vip);
  into.add(`vips${n}`, vip, marks.of(network));
  if (backends.length === 0) return;
  const count = slotCount(backends.length);
  const key = `${vip} . ${protocol} . ${port}`;
  into.add(`services${n}`, key, `goto backends${n}_${count}`);
  for (let slot = 0; slot < count; slot += 1) {
    const backend = backends[slot % backends.length];
    if (backend !== undefined)
      into.add(`slots${n}_${count}`, `${key} . ${slot}`, `${backend.address} . ${backend.port}`);
  }
}

function addHostServices(into: ElementCollector, state: ForwardingState, marks: Marks): void {
  const reached = new Set(state.passages.filter(({ from }) => from === state.fabric).map(({ to }) => to));
  for (const { vip, network } of state.services) {
    if (reached.has(network)) into.add(`host_vips${familyOf(vip)}`, vip, marks.of(state.fabric));
  }
}

function slotCount(backends: number): number {
  return backends <= EXACT_SLOTS ? backends : Math.max(MANY_SLOTS, 2 ** Math.ceil(Math.log2(backends * 8)));
}

/** The family of an address or CIDR. */
export function familyOf(address: string): '4' | '6' {
  return address.includes(':') ? '6' : '4';
}

/** A CIDR as a range of raw bytes, since a payload without a type takes no prefix. */
function hexRange(cidr: string): string {
  const [prefix = '', length = '32'] = cidr.split('/');
  const bits = familyOf(cidr) === '4' ? 32n : 128n;
  const base = familyOf(cidr) === '4' ? ipv4Value(prefix) : ipv6Value(prefix);
  const span = 1n << (bits - BigInt(length));
  const first = (base / span) * span;
  return span === 1n ? `0x${first.toString(16)}` : `0x${first.toString(16)}-0x${(first + span - 1n).toString(16)}`;
}

function ipv4Value(address: string): bigint {
  return address.split('.').reduce((value, part) => value * 256n + BigInt(part), 0n);
}

function ipv6Value(address: string): bigint {
  const [head = '', tail] = address.split('::');
  const left = groups(head);
  const right = groups(tail);
  const zeros = tail === undefined ? [] : Array<string>(8 - left.length - right.length).fill('0');
  return [...left, ...zeros, ...right].reduce((value, part) => value * 65_536n + BigInt(`0x${part}`), 0n);
}

function groups(text: string | undefined): readonly string[] {
  return text === undefined || text === '' ? [] : text.split(':');
}
