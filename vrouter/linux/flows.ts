/**
 * Connections that must be forgotten when what they rest on changes: nft cannot delete them (facts 1.17). Answers lines
 * for `conntrack -R`. Pure.
 */
import { OUTSIDE } from '../model/networks.ts';
import type { KernelDocument } from './document.ts';
import { instancesOf, pairOf } from './marks.ts';

type Sets = KernelDocument['sets'];

/** Deletions for addresses that went or changed their network, and for back ends of connectionless services that went. */
export function staleFlows(before: Sets, after: Sets): readonly string[] {
  return [
    ...movedAddresses(before, after),
    ...goneBackends(before, after),
    ...untranslated(before, after),
    ...movedFloats(before, after),
    ...rerouted(before, after),
  ];
}

/**
 * What the underlay brings now, or no longer does: here a flow between two networks has the pair of both, and that of the target's
 * alone where the tunnel brings it. What went outside as it was must not go on so, either.
 */
function rerouted(before: Sets, after: Sets): readonly string[] {
  const sets = ['forwarders4', 'forwarders6', 'forwarding_nodes4', 'forwarding_nodes6'];
  const pairs = [...new Set([before, after].flatMap((each) => [...(each.get('by_underlay')?.keys() ?? [])]))];
  const [gone, come] = [addressesIn(before, sets), addressesIn(after, sets)];
  const moved = [...gone, ...come].filter(([address]) => gone.has(address) !== come.has(address));
  return [
    ...moved.flatMap(([address, mark]) =>
      pairs.flatMap((pair) => {
        const [from, to] = instancesOf(Number(pair));
        if (from === to || to === undefined || from !== instancesOf(Number(mark))[0]) return [];
        return [pair, pairOf(to, to)].map((each) => `-D ${familyFlag(address)}-s ${address} -m ${each}`);
      }),
    ),
    ...[...(before.get('unmasked')?.keys() ?? [])]
      .filter((pair) => instancesOf(Number(pair))[1] === OUTSIDE && after.get('unmasked')?.has(pair) !== true)
      .flatMap((pair) => ['ipv4', 'ipv6'].map((family) => `-D -f ${family} -m ${pair}`)),
  ];
}

/** The addresses in keys of sets that begin with one, with their data. */
function addressesIn(sets: Sets, names: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    names.flatMap((name) =>
      [...(sets.get(name) ?? [])].map(([key, data]) => [key.split(' . ')[0] ?? '', data] as const),
    ),
  );
}

/** Datagrams that came to a node's port before anything was offered there would go on being the node's own. */
function untranslated(before: Sets, after: Sets): readonly string[] {
  return ['offered4', 'offered6'].flatMap((name) =>
    [...(after.get(name) ?? [])]
      .filter(([key, verdict]) => !key.includes(' tcp ') && verdict !== before.get(name)?.get(key))
      .map(([key]) => `${toPort(key)} -r ${key.split(' . ')[0]}`),
  );
}

/** Flows by a floating address that leads elsewhere by now, and those that went out under it. */
function movedFloats(before: Sets, after: Sets): readonly string[] {
  const changed = (name: string): readonly (readonly [key: string, data: string])[] =>
    [...(before.get(name) ?? [])].filter(([key, data]) => after.get(name)?.get(key) !== data);
  const come = (name: string): readonly (readonly [key: string, data: string])[] =>
    [...(after.get(name) ?? [])].filter(([key]) => before.get(name)?.has(key) !== true);
  return ['4', '6'].flatMap((n) => [
    ...[...new Set([...changed(`float_targets${n}`), ...changed(`float_pairs${n}`)].map(([address]) => address))].map(
      (address) => `-D ${familyFlag(address)}-d ${address}`,
    ),
    ...changed(`float_ports${n}`).map(([key]) => toPort(key)),
    // A pod's, by an address that was the outside's until now.
    ...come(`float_targets${n}`).map(([address]) => `-D ${familyFlag(address)}-d ${address} -r ${address}`),
    ...come(`float_ports${n}`).map(([key]) => `${toPort(key)} -r ${key.split(' . ')[0]}`),
    // A flow that passed untranslated, or otherwise, would go on to (facts 1.18).
    ...[...new Set([...changed(`router_sources${n}`), ...come(`router_sources${n}`)].map(([pair]) => pair))].map(
      (pair) => `-D -f ipv${n} -m ${pair}`,
    ),
    ...changed(`float_sources${n}`).map(([, address]) => `-D ${familyFlag(address)}-q ${address}`),
  ]);
}

/** Flows to an address's port. */
function toPort(key: string): string {
  const [address = '', protocol, port] = key.split(' . ');
  return `-D ${familyFlag(address)}-p ${protocol} -d ${address} --dport ${port}`;
}

/** Everything in the zone of a network that has gone, and what was about addresses that are there no more. */
function movedAddresses(before: Sets, after: Sets): readonly string[] {
  const zonesIn = (sets: Sets): ReadonlySet<string> => new Set(sets.get('zones')?.values());
  const kept = zonesIn(after);
  const gone = [...zonesIn(before)].filter((zone) => !kept.has(zone));
  const flat = ['pods4', 'pods6'].flatMap((name) =>
    [...(before.get(name) ?? [])]
      .filter(([address, mark]) => after.get(name)?.get(address) !== mark)
      .map(([address]) => address),
  );
  const overlapping = ['peers4', 'peers6'].flatMap((name) =>
    [...(before.get(name) ?? [])].flatMap(([key, mark]) => {
      const [source, address] = key.split(' . ');
      const zone = before.get('zones')?.get(mark);
      // An address of the network's own; what others know of it goes with the zone-less ones when they are translated.
      if (source !== mark || zone === undefined || !kept.has(zone) || after.get(name)?.get(key) === mark) return [];
      return [`${address} -w ${zone}`];
    }),
  );
  return [
    ...gone.flatMap((zone) => ['ipv4', 'ipv6'].map((family) => `-D -f ${family} -w ${zone}`)),
    ...[...flat, ...overlapping].flatMap((target) =>
      ['-s', '-d', '-r'].map((side) => `-D ${familyFlag(target)}${side} ${target}`),
    ),
  ];
}

/** A UDP client keeps its port for minutes, and would go on being sent to a back end that is gone. */
function goneBackends(before: Sets, after: Sets): readonly string[] {
  const changed = [...new Set([...before.keys(), ...after.keys()])].filter(
    (name) => /^(inner|outer)_(slots|members)/.test(name) && before.get(name) !== after.get(name),
  );
  if (changed.length === 0) return [];
  const remaining = connectionless(after);
  return [...connectionless(before)].filter((line) => !remaining.has(line));
}

function connectionless(sets: Sets): ReadonlySet<string> {
  const lines = new Set<string>();
  for (const [name, elements] of sets) {
    if (!/^(inner|outer)_(slots|members)/.test(name)) continue;
    for (const [key, data] of elements) {
      if (key.includes(' . tcp . ')) continue;
      const [vip = '', protocol, port] = key.split(' . ');
      lines.add(`-D ${familyFlag(vip)}-p ${protocol} -d ${vip} --dport ${port} -r ${data.split(' . ')[0]}`);
    }
  }
  return lines;
}

function familyFlag(address: string): string {
  return address.includes(':') ? '-f ipv6 ' : '';
}
