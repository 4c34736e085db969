/**
 * Copies of a port's frames, in the kernel. A table of the netdev family duplicates them at the port's host interface, where they are
 * as the pod sends them and is given them:
 *
 *     tap (in, out) ── dup, mark := number of the copy's tunnel ──► ocmirror0 ══ ocmirror1 ── fwd by mark ──► ocm<n>, VXLAN to the analyzer
 *
 * The pair of interfaces between stands for the copy's freedom: a tunnel that finds a frame too long for its way tells the frame's
 * route, which would be the original's. What the tunnel sends is a datagram of the node's own, and judged as such.
 *
 * Where only some packets are copied, a chain for each analyzer picks them.
 * Pure.
 */
import { createHash } from 'node:crypto';
import type { Bindings } from '../model.ts';
import type { Mirror } from '../model/chains.ts';
import type { Span } from '../model/networks.ts';
import { familyOf } from './family.ts';

export const MIRROR_TABLE = 'netdev opencontrail_mirrors';
/** Where copies are given off, and where they come out again. */
export const MIRROR_PAIR = ['ocmirror0', 'ocmirror1'] as const;
/** What the names of their tunnels begin with. */
export const MIRROR_TUNNELS = 'ocm-';

export interface MirrorDocument {
  /** Tunnels by the names of their devices: what follows `ip link add <name>`. */
  readonly tunnels: ReadonlyMap<string, string>;
  /** The whole table; empty where nothing is copied. */
  readonly table: string;
}

/** What stands for the mirrors whose ports are bound. */
export function mirrorDocument(
  mirrors: readonly Mirror[],
  { bindings, udpPort }: { readonly bindings: Bindings; readonly udpPort: number },
): MirrorDocument {
  const bound = mirrors.flatMap((mirror) => {
    const tap = bindings.get(mirror.vmi);
    return tap === undefined ? [] : [{ ...mirror, tap }];
  });
  if (bound.length === 0) return { tunnels: new Map(), table: '' };
  const numbers = numbered(bound.map(({ analyzer }) => analyzer));
  const copies = bound.flatMap(({ tap, analyzer, sent, received, only }): readonly Copy[] => {
    const to = { tap, number: numbers.get(analyzer) ?? 0, ...(only === undefined ? {} : { only }) };
    return [
      ...(sent ? [{ ...to, hook: 'ingress' as const }] : []),
      ...(received ? [{ ...to, hook: 'egress' as const }] : []),
    ];
  });
  const places = Map.groupBy(copies, ({ hook, tap }) => `${hook}_${tap}`);
  const chains = [...places.values()].flatMap((all) => chainsFor(all, udpPort));
  const copying = [...new Set(copies.filter(({ only }) => only !== undefined).map(({ number }) => number))].map(
    (number) => [`chain copy_${number} {`, copyTo(number), '}'].join('\n'),
  );
  const tunnels = [...numbers].map(([analyzer, vni]) => ({ vni, ...tunnelTo(analyzer, { vni, udpPort }) }));
  const spread = tunnels.map(({ vni, name }) => `meta mark ${vni} meta mark set 0 fwd to "${name}"`);
  return {
    tunnels: new Map(tunnels.map(({ name, kind }) => [name, kind])),
    table: [...copying.toSorted(), ...chains.toSorted(), chainAt('ingress', MIRROR_PAIR[1], [...spread, 'drop'])].join(
      '\n',
    ),
  };
}

/** Copies of what passes an interface in a direction, to the analyzer of a number. */
interface Copy {
  readonly hook: 'ingress' | 'egress';
  readonly tap: string;
  readonly number: number;
  readonly only?: Mirror['only'];
}

/** What is copied at one place: everything, or what a chain picks that leaves at the first packet that it means. */
function chainsFor(copies: readonly Copy[], udpPort: number): readonly string[] {
  const [first] = copies;
  if (first === undefined) return [];
  const { hook, tap } = first;
  const all = new Set(copies.filter(({ only }) => only === undefined).map(({ number }) => number));
  const some = Map.groupBy(
    copies.filter(({ number }) => !all.has(number)),
    ({ number }) => number,
  );
  const picking = (number: number): string => `pick_${hook}_${tap}_${number}`;
  const rules = [
    // Two analyzers may look at each other.
    `udp dport ${udpPort} return`,
    ...[...all].map(copyTo),
    ...[...some.keys()].map((number) => `jump ${picking(number)}`),
  ];
  return [
    ...[...some].map(([number, picked]) =>
      [`chain ${picking(number)} {`, ...picked.flatMap(pickingRules), '}'].join('\n'),
    ),
    chainAt(hook, tap, rules),
  ];
}

function copyTo(number: number): string {
  return `meta mark set ${number} dup to "${MIRROR_PAIR[0]}" meta mark set 0`;
}

/** By the other end: a packet's target as it comes from the port, its source as it goes there. */
function pickingRules({ hook, number, only }: Copy): readonly string[] {
  const end = hook === 'ingress' ? 'daddr' : 'saddr';
  return (['4', '6'] as const).flatMap((family) => {
    const addresses = only?.peers.filter((address) => familyOf(address) === family) ?? [];
    if (only === undefined || addresses.length === 0) return [];
    const others = `${family === '4' ? 'ip' : 'ip6'} ${end} { ${addresses.join(', ')} }`;
    return only.traffic.map(({ protocols, sourcePorts, destinationPorts }) =>
      [
        others,
        ...within('meta l4proto', protocols, ALL_PROTOCOLS),
        ...within('th sport', sourcePorts, ALL_PORTS),
        ...within('th dport', destinationPorts, ALL_PORTS),
        `goto copy_${number}`,
      ].join(' '),
    );
  });
}

const [ALL_PROTOCOLS, ALL_PORTS] = [255, 65_535] as const;

/** Nothing is asked where everything holds. */
function within(field: string, [first, last]: Span, highest: number): readonly string[] {
  if (first === 0 && last === highest) return [];
  return [`${field} ${first === last ? first : `${first}-${last}`}`];
}

/** Numbers of analyzers' tunnels, from their addresses: the kernel takes a VNI once only, whatever the other end is. */
function numbered(analyzers: readonly string[]): ReadonlyMap<string, number> {
  const numbers = new Map<string, number>();
  const taken = new Set<number>();
  for (const analyzer of [...new Set(analyzers)].toSorted()) {
    let number = createHash('sha256').update(analyzer).digest().readUIntBE(0, 3);
    while (number === 0 || taken.has(number)) number = (number + 1) % 2 ** 24;
    taken.add(number);
    numbers.set(analyzer, number);
  }
  return numbers;
}

/** A device's name says all that it is made of, so that one that stands is never another. */
function tunnelTo(
  analyzer: string,
  { vni, udpPort }: { readonly vni: number; readonly udpPort: number },
): { readonly name: string; readonly kind: string } {
  const kind = `type vxlan id ${vni} remote ${analyzer} dstport ${udpPort} nolearning`;
  return { name: `${MIRROR_TUNNELS}${createHash('sha256').update(kind).digest('hex').slice(0, 10)}`, kind };
}

function chainAt(hook: 'ingress' | 'egress', device: string, rules: readonly string[]): string {
  const head = `type filter hook ${hook} device ${device} priority 0`;
  return [`chain ${hook}_${device} {`, head, ...rules, '}'].join('\n');
}
