/**
 * Connections that must be forgotten when what they rest on changes: nft cannot delete them (facts 1.17). Answers lines
 * for `conntrack -R`. Pure.
 */
import type { KernelDocument } from './document.ts';

type Sets = KernelDocument['sets'];

/** Deletions for addresses that went or changed their network, and for back ends of connectionless services that went. */
export function staleFlows(before: Sets, after: Sets): readonly string[] {
  return [...movedAddresses(before, after), ...goneBackends(before, after)];
}

function movedAddresses(before: Sets, after: Sets): readonly string[] {
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
      if (source !== mark || zone === undefined || after.get(name)?.get(key) === mark) return [];
      return [`${address} -w ${zone}`];
    }),
  );
  return [...flat, ...overlapping].flatMap((target) =>
    ['-s', '-d', '-r'].map((side) => `-D ${familyFlag(target)}${side} ${target}`),
  );
}

/** A UDP client keeps its port for minutes, and would go on being sent to a back end that is gone. */
function goneBackends(before: Sets, after: Sets): readonly string[] {
  const remaining = connectionless(after);
  return [...connectionless(before)].filter((line) => !remaining.has(line));
}

function connectionless(sets: Sets): ReadonlySet<string> {
  const lines = new Set<string>();
  for (const [name, elements] of sets) {
    if (!name.startsWith('slots')) continue;
    for (const [key, data] of elements) {
      const [vip = '', protocol, port] = key.split(' . ');
      if (protocol === 'tcp') continue;
      lines.add(`-D ${familyFlag(vip)}-p ${protocol} -d ${vip} --dport ${port} -r ${data.split(' . ')[0]}`);
    }
  }
  return lines;
}

function familyFlag(address: string): string {
  return address.includes(':') ? '-f ipv6 ' : '';
}
