/** Routes, rules and neighbours, from the forwarding state. Pure. */
import type { Bindings, ForwardingState, InstanceId, Port } from '../model.ts';
import type { IpEntry } from './document.ts';
import { familyOf } from './elements.ts';
import { hex, MAGIC, marksOf } from './marks.ts';
import { LOCAL_PREFERENCE, ROUTE_PROTOCOL, TABLES } from './names.ts';

export interface Entries {
  readonly v4: Map<string, IpEntry>;
  readonly v6: Map<string, IpEntry>;
}

interface Context {
  readonly state: ForwardingState;
  readonly device: string;
  readonly into: Entries;
}

/** Everything that `ip` installs for this state, by a stable key and family. Nothing while the node has no address. */
export function entries(state: ForwardingState, bindings: Bindings, device: string): Entries {
  const into: Entries = { v4: new Map(), v6: new Map() };
  if (state.address === undefined) return into;
  const context: Context = { state, device, into };
  addRules(context);
  addPeers(context);
  for (const cidr of state.serviceSubnets) addServiceSubnet(context, cidr);
  addPods(context, bindings);
  return into;
}

/** The locally administered MAC address of a node's tunnel device: one of its own per node, since a receiver drops its own as a loop. */
export function tunnelMac(address: string): string {
  const bytes = address.split('.').map((part) => Number(part).toString(16).padStart(2, '0'));
  return ['02', '0c', ...bytes].join(':');
}

/** The tunnel's link-local address of a node: the next hop of IPv6 routes. */
export function tunnelLinkLocal(address: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
  return `fe80::c:${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}

function addRules({ state, into }: Context): void {
  const marks = marksOf(state.networks);
  const fabric = marks.of(state.fabric);
  const rules: readonly (readonly [preference: number, text: string])[] = [
    [LOCAL_PREFERENCE, 'lookup local'],
    [2999, 'unreachable'],
    ...overlappingRules(state, marks.of),
    [1000, `fwmark ${hex(MAGIC + 0x8000)}/0xffff8000 goto 2000`],
    [1001, `fwmark ${fabric} lookup ${TABLES.fabric}`],
    [1002, `fwmark ${fabric} goto ${LOCAL_PREFERENCE}`],
    [1003, `lookup ${TABLES.flat}`],
    [1004, `lookup ${TABLES.fabric}`],
    [1005, 'unreachable'],
    [90, `fwmark ${hex(MAGIC)}/0xffff0000 goto 1000`],
    [91, `iif lo lookup ${TABLES.flat}`],
    [92, `goto ${LOCAL_PREFERENCE}`],
    // The node's own answers carry the mark of what they answer (fwmark_reflect); only overlapping tables may route by it.
    [80, `fwmark ${hex(MAGIC)}/0xffff8000 iif lo goto 91`],
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
function addPeers({ state, device, into }: Context): void {
  for (const { address, address6 } of state.peers) {
    const mac = tunnelMac(address);
    neighbour(into.v4, { address, mac, device });
    neighbour(into.v6, { address: tunnelLinkLocal(address), mac, device });
    route(into.v4, {
      table: TABLES.fabric,
      prefix: `${address}/32`,
      via: tunnelTo({ state, device }, { node: address, network: state.fabric, v6: false }),
      device,
    });
    if (address6 === undefined) continue;
    route(into.v6, {
      table: TABLES.fabric,
      prefix: `${address6}/128`,
      via: tunnelTo({ state, device }, { node: address, network: state.fabric, v6: true }),
      device,
    });
  }
}

function addServiceSubnet({ state, device, into }: Context, cidr: string): void {
  const family = familyOf(cidr) === '4' ? into.v4 : into.v6;
  route(family, { table: TABLES.flat, prefix: cidr, via: `dev ${device}${sourceFor({ state }, cidr)}`, device });
}

function addPods(context: Context, bindings: Bindings): void {
  const { state, device, into } = context;
  const marks = marksOf(state.networks);
  for (const { id, overlapping } of state.networks) {
    if (!overlapping) continue;
    for (const family of [into.v4, into.v6]) unreachableDefault(family, TABLES.overlapping + id);
  }
  for (const port of state.ports) {
    const host = bindings.get(port.vmi);
    if (host !== undefined)
      addPort(context, { ...port, host, tables: tablesOf(state, port.network, marks.isOverlapping) });
  }
  for (const remote of state.remotes) {
    const v6 = familyOf(remote.address) === '6';
    const via =
      tunnelTo(context, { node: remote.node, network: remote.network, v6 }) + sourceFor(context, remote.address);
    for (const table of tablesOf(state, remote.network, marks.isOverlapping)) {
      route(v6 ? into.v6 : into.v4, { table, prefix: hostPrefix(remote.address), via, device });
    }
  }
}

function addPort(
  context: Context,
  { addresses, mac, host, tables }: Port & { readonly host: string; readonly tables: readonly number[] },
): void {
  for (const address of addresses) {
    const family = familyOf(address) === '4' ? context.into.v4 : context.into.v6;
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

/** The tables in which an address of a network stands: its own (or the flat one), and those of overlapping networks it talks with. */
function tablesOf(
  state: ForwardingState,
  network: InstanceId,
  isOverlapping: (id: InstanceId) => boolean,
): readonly number[] {
  const own = isOverlapping(network) ? TABLES.overlapping + network : TABLES.flat;
  const others = state.passages.filter(({ from, to }) => to === network && from !== network && isOverlapping(from));
  return [own, ...others.map(({ from }) => TABLES.overlapping + from)];
}

/** The node's own packets carry its address of the family. */
function sourceFor({ state }: Pick<Context, 'state'>, address: string): string {
  const source = familyOf(address) === '4' ? state.address : state.address6;
  return source === undefined ? '' : ` src ${source}`;
}

function tunnelTo(
  { state, device }: Pick<Context, 'state' | 'device'>,
  { node, network, v6 }: { readonly node: string; readonly network: InstanceId; readonly v6: boolean },
): string {
  const next = v6 ? tunnelLinkLocal(node) : node;
  return `encap ip id ${network} src ${state.address} dst ${node} via ${next} dev ${device} onlink`;
}

function hostPrefix(address: string): string {
  return `${address}/${familyOf(address) === '4' ? 32 : 128}`;
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
