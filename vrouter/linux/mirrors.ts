/**
 * Copies of a port's frames, in the kernel. A table of the netdev family duplicates them at the port's host interface, where they are
 * as the pod sends them and is given them:
 *
 *     tap (in, out) ── dup, mark := number of the copy's tunnel ──► ocmirror0 ══ ocmirror1 ── fwd by mark ──► ocm<n>, VXLAN to the analyzer
 *
 * The pair of interfaces between stands for the copy's freedom: a tunnel that finds a frame too long for its way tells the frame's
 * route, which would be the original's. What the tunnel sends is a datagram of the node's own, and judged as such.
 * Pure.
 */
import { createHash } from 'node:crypto';
import type { Bindings, Mirror } from '../model.ts';

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
  const chains = bound.flatMap(({ tap, analyzer, sent, received }) => {
    const rules = [
      // Two analyzers may look at each other.
      `udp dport ${udpPort} return`,
      `meta mark set ${numbers.get(analyzer)} dup to "${MIRROR_PAIR[0]}" meta mark set 0`,
    ];
    return [...(sent ? [chainAt('ingress', tap, rules)] : []), ...(received ? [chainAt('egress', tap, rules)] : [])];
  });
  const tunnels = [...numbers].map(([analyzer, vni]) => ({ vni, ...tunnelTo(analyzer, { vni, udpPort }) }));
  const spread = tunnels.map(({ vni, name }) => `meta mark ${vni} meta mark set 0 fwd to "${name}"`);
  return {
    tunnels: new Map(tunnels.map(({ name, kind }) => [name, kind])),
    table: [...chains.toSorted(), chainAt('ingress', MIRROR_PAIR[1], [...spread, 'drop'])].join('\n'),
  };
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
