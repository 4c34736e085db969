/**
 * What `ip` prints, back to the keys of our entries: adoption and verification read text, since its JSON loses the prefix
 * of encapsulated routes (facts 1.15). Pure.
 */
import { isBeyond } from './bridges.ts';
import { ROUTE_PROTOCOL } from './names.ts';

/** Keys of our routes in `ip route show table all proto 79`; of each line, the destination and the table. */
export function routeKeys(text: string, v6: boolean): readonly string[] {
  return linesOf(text).flatMap((line) => {
    const table = /\btable (\d+)\b/.exec(line)?.[1];
    const words = line.split(' ');
    const destination = words[0] === 'unreachable' ? words[1] : words[0];
    if (table === undefined || destination === undefined) return [];
    return [`route ${table} ${destination === 'default' ? destination : withLength(destination, v6)}`];
  });
}

/** An address that the kernel sends to a pod's host interface. */
export interface PodRoute {
  readonly address: string;
  readonly device: string;
}

/** The addresses that lead to pods of this node, once each, in `ip route show table all proto 79`. */
export function podRoutes(text: string): readonly PodRoute[] {
  const found = linesOf(text).flatMap((line) => {
    const [, address, device] = /^([0-9a-f.:]+)(?:\/\d+)? dev (tap\S+) /.exec(`${line} `) ?? [];
    // Class E, and the like in IPv6: the node's own names for pods (linux/probes.ts).
    if (address === undefined || device === undefined || /^(2[45]\d\.|fd6f:6370:6e69:f:)/.test(address)) return [];
    return [{ address, device }];
  });
  return [...new Map(found.map((route) => [`${route.device} ${route.address}`, route])).values()];
}

/** The MAC that the kernel sends an interface's packets to, by interface, in `ip neigh show nud permanent`. */
export function podMacs(text: string): ReadonlyMap<string, string> {
  return new Map(
    linesOf(text).flatMap((line) => {
      const [, address, device, mac] = /^(\S+) dev (tap\S+) lladdr (\S+)/.exec(line) ?? [];
      if (address === undefined || device === undefined || mac === undefined || isBeyond(address)) return [];
      return [[device, mac] as const];
    }),
  );
}

/** Keys of our rules in `ip rule show`: those at the preferences that this program writes. */
export function ruleKeys(text: string): readonly string[] {
  return linesOf(text).flatMap((line) => {
    const [, preference, rest = ''] = /^(\d+):\s+(.*)$/.exec(line) ?? [];
    if (preference === undefined || !isOurs(Number(preference), rest)) return [];
    const selector = rest.replace(/^from all /, '').replace(new RegExp(` proto ${ROUTE_PROTOCOL}$`), '');
    return [`rule ${preference} ${selector.trim()}`];
  });
}

/** Whether `ip rule show` still has the kernel's own local rule in front of all others. */
export function hasLocalFirst(text: string): boolean {
  return linesOf(text).some((line) => /^0:\s+from all lookup local$/.test(line));
}

/** Keys of permanent neighbours in `ip neigh show nud permanent`: those on pods' interfaces and on the tunnel's device. */
export function neighbourKeys(text: string, tunnel: string): readonly string[] {
  return linesOf(text).flatMap((line) => {
    const [, address, device] = /^(\S+) dev (\S+) lladdr /.exec(line) ?? [];
    if (address === undefined || device === undefined) return [];
    return device === tunnel || device.startsWith('tap') ? [`neigh ${device} ${address}`] : [];
  });
}

/** Keys of pods' interfaces with a bridge's MAC in `ip -oneline link show`. */
export function linkKeys(text: string): readonly string[] {
  return linesOf(text).flatMap((line) => {
    const [, device, mac] = /^\d+: (tap[^:@\s]+).* link\/ether (06:\S+) /.exec(line) ?? [];
    return device === undefined || mac === undefined ? [] : [`link ${device} ${mac}`];
  });
}

function isOurs(preference: number, rest: string): boolean {
  return rest.includes(` proto ${ROUTE_PROTOCOL}`) || /\bgoto\b|\bnop\b/.test(rest)
    ? preference > 0 && preference <= 30_000
    : false;
}

function withLength(destination: string, v6: boolean): string {
  return destination.includes('/') ? destination : `${destination}/${v6 ? 128 : 32}`;
}

function linesOf(text: string): readonly string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}
