/** Routes and neighbours, from the forwarding state; with them, all that `ip` installs. Pure. */
import { withoutLength } from '../../runtime/cidr.ts';
import type { Bindings, ForwardingState, Interfaces, Underlay } from '../model.ts';
import type { InstanceId, Port } from '../model/networks.ts';
import { bridgeLinks, bridgeNeighbours } from './bridges.ts';
import { chainRoutes } from './chain-entries.ts';
import type { IpEntry } from './document.ts';
import { externalRoutes } from './external-entries.ts';
import { familyOf, HALVES, hostPrefix } from './family.ts';
import { forwardedRoutes } from './forwarded-entries.ts';
import { marksOf } from './marks.ts';
import { ROUTE_PROTOCOL, TABLES } from './names.ts';
import { knownAddresses, nodeAddress } from './node-addresses.ts';
import { probeRoutes } from './probes.ts';
import { rules } from './rules.ts';
import { wayNumbers } from './routed.ts';
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
  if (state.address === undefined) return { v4: new Map(), v6: new Map() };
  const both = rules(state);
  const into: Entries = { v4: new Map(both), v6: new Map(both) };
  const context: Context = { state, device, into };
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

/** Everything, to the node that translates for a network. */
function addWaysOut(context: Context): void {
  const { state, device } = context;
  const numberOf = wayNumbers(state.egress);
  for (const egress of state.egress) {
    const { address, network, via: node } = egress;
    if (node === undefined) continue;
    const via = wayTo(context, { address, node, network });
    for (const prefix of HALVES[familyOf(address)])
      route(familyIn(context, address), { table: TABLES.routed + numberOf(egress), prefix, via, device });
  }
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
