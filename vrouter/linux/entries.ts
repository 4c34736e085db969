/** Routes, rules and neighbours, from the forwarding state. Pure. */
import { withoutLength } from '../../runtime/cidr.ts';
import type { Bindings, ForwardingState, InstanceId, Interfaces, Port, Underlay } from '../model.ts';
import { bridgeLinks, bridgeNeighbours } from './bridges.ts';
import { chainRoutes, chainRules } from './chain-entries.ts';
import type { IpEntry } from './document.ts';
import { externalRoutes, externalRules } from './external-entries.ts';
import { familyOf, HALVES, hostPrefix } from './family.ts';
import { OUTSIDE_MARK } from './edges.ts';
import { forwardedRoutes, forwardedRules, HOST_PREFERENCE } from './forwarded-entries.ts';
import { GUIDED, hex, MAGIC, marksOf, ROUTED_MAGIC, UNMARKED } from './marks.ts';
import { LOCAL_PREFERENCE, ROUTE_PROTOCOL, TABLES } from './names.ts';
import { knownAddresses, nodeAddress } from './node-addresses.ts';
import { probeRoutes } from './probes.ts';
import { tunnelLinkLocal, tunnelMac, tunnelTo } from './tunnel.ts';

export interface Entries {
  readonly v4: Map<string, IpEntry>;
  readonly v6: Map<string, IpEntry>;
}

interface Context {
  readonly state: ForwardingState;
  readonly device: string;
  readonly into: Entries;
}

interface EntriesOptions {
  /** The tunnel's. */
  readonly device: string;
  readonly underlay?: Underlay;
  readonly interfaces?: Interfaces;
}

/** Everything that `ip` installs for this state, by a stable key and family. Nothing while the node has no address. */
export function entries(
  state: ForwardingState,
  bindings: Bindings,
  { device, underlay, interfaces }: EntriesOptions,
): Entries {
  const into: Entries = { v4: new Map(), v6: new Map() };
  if (state.address === undefined) return into;
  const context: Context = { state, device, into };
  addRules(context);
  addPeers(context);
  for (const cidr of state.serviceSubnets) addServiceSubnet(context, cidr);
  addPods(context, bindings);
  addWaysToGuide(context);
  addWaysOut(context);
  if (underlay !== undefined)
    for (const { prefix, via } of forwardedRoutes({ state, underlay }))
      route(familyIn(context, prefix), { table: TABLES.forwarded, prefix, via, device: underlay.device });
  if (interfaces !== undefined)
    for (const each of externalRoutes(state.externals, interfaces)) route(familyIn(context, each.prefix), each);
  for (const { prefix, ...rest } of chainRoutes(state, bindings, device))
    route(familyIn(context, prefix), { prefix, ...rest });
  // An interface is of no family.
  for (const [key, entry] of bridgeLinks(state, bindings)) into.v4.set(key, entry);
  for (const each of bridgeNeighbours(state, bindings)) neighbour(familyIn(context, each.address), each);
  return into;
}

function addRules({ state, into }: Context): void {
  const marks = marksOf(state.networks);
  const fabric = marks.of(state.fabric);
  const rules: readonly (readonly [preference: number, text: string])[] = [
    [LOCAL_PREFERENCE, 'lookup local'],
    [2999, 'unreachable'],
    ...overlappingRules(state, marks.of),
    [1001, `fwmark ${fabric} lookup ${TABLES.fabric}`],
    [1002, `fwmark ${fabric} goto ${LOCAL_PREFERENCE}`],
    [FLAT_PREFERENCE, `lookup ${TABLES.flat}`],
    [1004, `lookup ${TABLES.fabric}`],
    [1005, 'unreachable'],
    ...routedRules(state),
    ...externalRules(state.externals),
    ...chainRules(state),
    [84, `fwmark ${OUTSIDE_MARK} goto ${LOCAL_PREFERENCE}`],
    [85, `fwmark ${hex(MAGIC)}/0xffff8000 goto 1001`],
    [86, `fwmark ${hex(MAGIC + 0x8000)}/0xffff8000 goto 2000`],
    [HOST_PREFERENCE + 1, `iif lo lookup ${TABLES.flat}`],
    ...forwardedRules(state.fabric),
    ...(state.guidance?.kind !== 'guide' ? [] : [[85, `fwmark ${hex(GUIDED)} goto ${FLAT_PREFERENCE}`] as const]),
    [94, `goto ${LOCAL_PREFERENCE}`],
    // First, since it is the underlay's, and the kernel looks its source up besides (`fib_validate_source`).
    [70, `fwmark ${UNMARKED} goto ${HOST_PREFERENCE}`],
    // The node's own answers carry the mark of what they answer (fwmark_reflect); only overlapping tables may route by it.
    [80, `fwmark ${hex(MAGIC)}/0xffff8000 iif lo goto ${HOST_PREFERENCE}`],
  ];
  for (const family of [into.v4, into.v6]) {
    for (const [preference, text] of rules) {
      const selector = text.startsWith('iif') || text.startsWith('fwmark') ? text : `from all ${text}`;
      family.set(`rule ${preference} ${text}`, {
        add: `rule add pref ${preference} ${selector} protocol ${ROUTE_PROTOCOL}`,
        del: `rule del pref ${preference} ${selector}`,
      });
    }
  }
}

/** Where packets of flat networks look. */
const FLAT_PREFERENCE = 1003;

/** A rule for each network whose router is elsewhere. */
function routedRules({ egress }: ForwardingState): (readonly [number, string])[] {
  const networks = [...new Set(egress.flatMap(({ network, via }) => (via === undefined ? [] : [network])))];
  if (networks.length === 0) return [];
  return [
    ...networks.map(
      (id) => [ROUTED_PREFERENCE, `fwmark ${hex(ROUTED_MAGIC + id)} lookup ${TABLES.routed + id}`] as const,
    ),
    [ROUTED_PREFERENCE + 1, 'unreachable'],
    [85, `fwmark ${hex(ROUTED_MAGIC)}/0xffff0000 goto ${ROUTED_PREFERENCE}`],
  ];
}

/** Behind those of overlapping networks, of which the last is below 5,100. */
const ROUTED_PREFERENCE = 6000;

/** Everything, to the node that translates for a network. */
function addWaysOut(context: Context): void {
  const { state, device } = context;
  for (const { address, network, via: node } of state.egress) {
    if (node === undefined) continue;
    const via = wayTo(context, { address, node, network });
    for (const prefix of HALVES[familyOf(address)])
      route(familyIn(context, address), { table: TABLES.routed + network, prefix, via, device });
  }
}

/** A tree of two levels, thirty-two networks to a branch, so that a packet's cost does not grow with their number. */
function overlappingRules(state: ForwardingState, markOf: (id: InstanceId) => string): (readonly [number, string])[] {
  const ids = state.networks.filter(({ overlapping }) => overlapping).map(({ id }) => id);
  const branches = [...new Set(ids.map((id) => id >> 5))];
  const base = MAGIC + 0x8000;
  return [
    ...branches.flatMap((branch) => [
      [3001 + branch * 2, 'unreachable'] as const,
      ...ids
        .filter((id) => id >> 5 === branch)
        .map((id) => [3000 + branch * 2, `fwmark ${markOf(id)} lookup ${TABLES.overlapping + id}`] as const),
    ]),
    [2000, `fwmark ${hex(base)}/0xffff8000 nop`] as const,
    ...branches.map(
      (branch) => [2001, `fwmark ${hex(base + (branch << 5))}/0xffffffe0 goto ${3000 + branch * 2}`] as const,
    ),
  ];
}

/** Machines are reached through the tunnel by pods (and by replies of pods), so that the underlay sees nodes' addresses only. */
function addPeers(context: Context): void {
  const { state, device, into } = context;
  for (const { address } of state.peers) {
    const mac = tunnelMac(address);
    if (familyOf(address) === '4') neighbour(into.v4, { address, mac, device });
    neighbour(into.v6, { address: tunnelLinkLocal(address), mac, device });
  }
  addPeerRoutes(context, TABLES.fabric);
}

function addPeerRoutes(context: Context, table: number): void {
  const { state, device } = context;
  for (const peer of state.peers) {
    for (const address of knownAddresses(peer)) {
      const via = wayTo(context, { address, node: peer.address, network: state.fabric });
      route(familyIn(context, address), { table, prefix: hostPrefix(address), via, device });
    }
  }
}

function addServiceSubnet(context: Context, cidr: string): void {
  const via = `dev ${context.device}${sourceFor(context, cidr)}`;
  route(familyIn(context, cidr), { table: TABLES.flat, prefix: cidr, via, device: context.device });
}

/** Whatever is not known of where pods are is the guide's to know; services stand already. */
function addWaysToGuide(context: Context): void {
  const { state, device } = context;
  if (state.guidance?.kind !== 'led') return;
  const { by: node, blocks } = state.guidance;
  for (const prefix of blocks) {
    const address = withoutLength(prefix);
    const via = wayTo(context, { address, node, network: state.fabric }) + sourceFor(context, address);
    route(familyIn(context, address), { table: TABLES.flat, prefix, via, device });
  }
}

function addPods(context: Context, bindings: Bindings): void {
  const { state, into } = context;
  const marks = marksOf(state.networks);
  for (const { id, overlapping } of state.networks) {
    if (!overlapping) continue;
    for (const family of [into.v4, into.v6]) unreachableDefault(family, TABLES.overlapping + id);
  }
  addPodRoutes(context, bindings, (network) => [
    marks.isOverlapping(network) ? TABLES.overlapping + network : TABLES.flat,
  ]);
  for (const { table, address, host } of probeRoutes(state, bindings, marks)) {
    const via = `dev ${host}${sourceFor(context, address)}`;
    route(familyIn(context, address), { table, prefix: hostPrefix(address), via, device: host });
  }
  // Behind each network's own: where both have an address, it is the network's.
  addPodRoutes(context, bindings, (network) => tablesOfAnswers(state, network, marks.isOverlapping));
  for (const network of maskedTargets(state, marks.isOverlapping)) addPeerRoutes(context, TABLES.overlapping + network);
}

function addPodRoutes(
  context: Context,
  bindings: Bindings,
  tablesOf: (network: InstanceId) => readonly number[],
): void {
  const { state, device } = context;
  for (const port of state.ports) {
    const host = bindings.get(port.vmi);
    if (host !== undefined) addPort(context, { ...port, host, tables: tablesOf(port.network) });
  }
  for (const { address, network, node } of state.remotes) {
    const via = wayTo(context, { address, node, network }) + sourceFor(context, address);
    for (const table of tablesOf(network)) {
      route(familyIn(context, address), { table, prefix: hostPrefix(address), via, device });
    }
  }
}

function addPort(
  context: Context,
  { addresses, mac, host, tables }: Port & { readonly host: string; readonly tables: readonly number[] },
): void {
  for (const address of addresses) {
    const family = familyIn(context, address);
    if (mac !== '') neighbour(family, { address, mac, device: host });
    for (const table of tables) {
      route(family, {
        table,
        prefix: hostPrefix(address),
        via: `dev ${host}${sourceFor(context, address)}`,
        device: host,
      });
    }
  }
}

/** The tables of overlapping networks that answer a flat network's addresses. */
function tablesOfAnswers(
  { passages, servicePassages }: ForwardingState,
  network: InstanceId,
  isOverlapping: (id: InstanceId) => boolean,
): readonly number[] {
  if (isOverlapping(network)) return [];
  const answering = [...passages, ...servicePassages].filter(({ from, to }) => from === network && isOverlapping(to));
  return [...new Set(answering.map(({ to }) => TABLES.overlapping + to))];
}

/** Overlapping networks that answer others of their kind, and through services, whose flows come under their nodes' addresses. */
function maskedTargets(
  { passages, servicePassages }: ForwardingState,
  isOverlapping: (id: InstanceId) => boolean,
): ReadonlySet<InstanceId> {
  const masked = passages.filter(({ from, to }) => from !== to && isOverlapping(from) && isOverlapping(to));
  const served = servicePassages.filter(({ to }) => isOverlapping(to));
  return new Set([...masked, ...served].map(({ to }) => to));
}

/** The node's own packets carry its address of the family. */
function sourceFor({ state }: Context, address: string): string {
  const source = nodeAddress(state, familyOf(address));
  return source === undefined ? '' : ` src ${source}`;
}

/** The way to an address on another node. */
function wayTo(
  { state, device }: Context,
  { address, node, network }: { readonly address: string; readonly node: string; readonly network: InstanceId },
): string {
  return tunnelTo({ own: state.address ?? '', node, network, device, family: familyOf(address) });
}

function familyIn({ into }: Context, address: string): Map<string, IpEntry> {
  return familyOf(address) === '4' ? into.v4 : into.v6;
}

function route(
  family: Map<string, IpEntry>,
  {
    table,
    prefix,
    via,
    device,
  }: { readonly table: number; readonly prefix: string; readonly via: string; readonly device: string },
): void {
  const key = `route ${table} ${prefix}`;
  if (family.has(key)) return;
  family.set(key, {
    add: `route replace ${prefix} ${via} table ${table} proto ${ROUTE_PROTOCOL}`,
    del: `route del ${prefix} table ${table} proto ${ROUTE_PROTOCOL}`,
    device,
  });
}

function unreachableDefault(family: Map<string, IpEntry>, table: number): void {
  family.set(`route ${table} default`, {
    add: `route replace unreachable default table ${table} proto ${ROUTE_PROTOCOL}`,
    del: `route del unreachable default table ${table} proto ${ROUTE_PROTOCOL}`,
  });
}

function neighbour(
  family: Map<string, IpEntry>,
  { address, mac, device }: { readonly address: string; readonly mac: string; readonly device: string },
): void {
  family.set(`neigh ${device} ${address}`, {
    add: `neigh replace ${address} lladdr ${mac} dev ${device} nud permanent`,
    del: `neigh del ${address} dev ${device}`,
    device,
  });
}
