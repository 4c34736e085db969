/**
 * How back ends stand in the kernel: one chain and one map for each number of back ends, not for each service (facts 1.16).
 * A map of slots answers one slot at random; where clients keep their back end, the slot is its mark, and the mark is kept. So it is
 * where a back end's address may be another network's too: its mark tells the pair stage which network is meant.
 * What the outside is given has chains and maps of its own, since it may be other back ends under the same address and port.
 * Pure.
 */
import type { ForwardingState } from '../model.ts';
import type { Backend, Exposure, Service } from '../model/services.ts';
import { chain, perFamily } from './chain.ts';
import { madeOnce } from './document.ts';
import { familyOf } from './family.ts';
import { hex } from './marks.ts';
import { TABLE } from './names.ts';

/** Up to this many back ends a service has one slot each; beyond, `MANY_SLOTS` are shared out. */
const EXACT_SLOTS = 64;
const MANY_SLOTS = 1024;

/** Back ends under one address and port. */
export interface Pool {
  readonly address: string;
  readonly protocol: string;
  readonly port: number;
  readonly backends: readonly Backend[];
  readonly affinitySeconds?: number;
  readonly side: Side;
}

/** Who asks: pods and the node itself, or the outside. */
type Side = (typeof SIDES)[number];
const SIDES = ['inner', 'outer'] as const;

/** All pools that have back ends. One of the same service or exposure is the same. */
export function poolsOf({ services, exposures }: Pick<ForwardingState, 'services' | 'exposures'>): readonly Pool[] {
  return [...services.flatMap(ofService), ...exposures.flatMap(ofExposure)];
}

const ofService = madeOnce(({ vip, ...service }: Service): readonly Pool[] =>
  withBackends([{ ...service, address: vip, side: 'inner' }]),
);

const ofExposure = madeOnce(({ inside, outside, ...exposure }: Exposure): readonly Pool[] =>
  withBackends([
    { ...exposure, backends: inside, side: 'inner' },
    { ...exposure, backends: outside, side: 'outer' },
  ]),
);

function withBackends(pools: readonly Pool[]): readonly Pool[] {
  return pools.filter(({ backends }) => backends.length > 0);
}

/** The first three words of the keys of a pool's elements. */
export function poolKey({ address, protocol, port }: Pick<Pool, 'address' | 'protocol' | 'port'>): string {
  return `${address} . ${protocol} . ${port}`;
}

/** The chain that a pool's flows go to. */
export function poolChain(pool: Pool): string {
  const { address, backends, affinitySeconds, side } = pool;
  const name = `${side}${familyOf(address)}_${slotCount(backends.length)}`;
  if (affinitySeconds !== undefined) return `${name}_for_${affinitySeconds}`;
  return isMarked(pool) ? `${name}_marked` : name;
}

/** Whether a pool's back ends are chosen by their marks: where clients keep theirs, or one's address may be another's too. */
export function isMarked({ backends, affinitySeconds }: Pool): boolean {
  return affinitySeconds !== undefined || backends.some(({ overlapping }) => overlapping);
}

/** The map with a pool's slots: of back ends, or of their marks. */
export function slotsMap(pool: Pool): string {
  const { address, backends, side } = pool;
  return `${side}_${isMarked(pool) ? 'marks' : 'slots'}${familyOf(address)}_${slotCount(backends.length)}`;
}

/** Key and data of each slot's element. */
export const slotsOf = madeOnce((pool: Pool): readonly (readonly [key: string, data: string])[] => {
  const { backends } = pool;
  const [key, marked] = [poolKey(pool), isMarked(pool)];
  return Array.from({ length: slotCount(backends.length) }, (_, slot) => backends[slot % backends.length]).flatMap(
    (backend, slot) => {
      if (backend === undefined) return [];
      return [[`${key} . ${slot}`, marked ? markOfBackend(backend) : `${backend.address} . ${backend.port}`] as const];
    },
  );
});

/**
 * A back end's mark: its address alone, so that a client keeps its back end on all ports, and its network where others may have the
 * address. FNV-1a, 32 bits: of one address the marks in two networks differ, since each step can be undone.
 */
export function markOfBackend({ address, network, overlapping }: Backend): string {
  let hash = (0x811c9dc5 ^ (overlapping === true ? network : 0)) >>> 0;
  for (const character of address) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193) >>> 0;
  return hex(hash);
}

/** What the pools of a state need besides the skeleton: name to the lines that declare it. */
export function poolDeclarations(pools: readonly Pool[]): ReadonlyMap<string, readonly string[]> {
  return new Map(pools.map(declarationOf));
}

const declarationOf = madeOnce((pool: Pool) => [poolChain(pool), declaration(pool)] as const);

function declaration(pool: Pool): readonly string[] {
  const n = familyOf(pool.address);
  const ip = n === '4' ? 'ip' : 'ip6';
  const count = slotCount(pool.backends.length);
  const [name, slots] = [poolChain(pool), slotsMap(pool)];
  const service = `${ip} daddr . meta l4proto . th dport`;
  const slot = `${service} . numgen random mod ${count}`;
  const rule = (text: string) => `add rule ${TABLE} ${name} ${text}`;
  const marked = [`add map ${TABLE} ${slots} { typeof ${slot} : meta mark; }`, `add chain ${TABLE} ${name}`];
  if (!isMarked(pool)) {
    return [
      `add map ${TABLE} ${slots} { typeof ${slot} : ${ip} daddr . th dport; }`,
      `add chain ${TABLE} ${name}`,
      rule(`meta l4proto { tcp, udp, sctp } dnat ${ip} to ${slot} map @${slots}`),
    ];
  }
  const member = rule(`goto ${pool.side}_member${n}`);
  if (pool.affinitySeconds === undefined) return [...marked, rule(`meta mark set ${slot} map @${slots}`), member];
  const client = AFFINITY_KEY[n];
  return [
    ...marked,
    rule('meta mark set 0'),
    rule(`meta mark set ${client} map @affinity${n}`),
    rule(`${service} . meta mark != @${pool.side}_marks${n} meta mark set ${slot} map @${slots}`),
    rule(`update @affinity${n} { ${client} timeout ${pool.affinitySeconds}s : meta mark }`),
    member,
  ];
}

/**
 * A client and the service that it asks. nft 1.0.6 writes at most four words beside the data: of IPv6 addresses these are the
 * interface's half of the source and the last word of the destination.
 */
const AFFINITY_KEY = {
  4: 'ip saddr . ip daddr . th dport',
  6: '@nh,128,64 . @nh,288,32 . th dport',
} as const;

/** Where the kernel notes which back end a client keeps, of either family. */
export const AFFINITY_MAPS = ['affinity4', 'affinity6'] as const;

/** The sets of affinity, which all pools share. */
export function affinitySets(n: '4' | '6'): readonly string[] {
  const ip = n === '4' ? 'ip' : 'ip6';
  const member = `${ip} daddr . meta l4proto . th dport . meta mark`;
  return [
    `map affinity${n} { typeof ${AFFINITY_KEY[n]} : meta mark; flags dynamic,timeout; size 262144; }`,
    ...SIDES.flatMap((side) => [
      `set ${side}_marks${n} { typeof ${member}; }`,
      `map ${side}_members${n} { typeof ${member} : ${ip} daddr . th dport; }`,
    ]),
  ];
}

/**
 * The chains that send a flow to the back end of its mark. Part of the skeleton, since nft 1.0.6 takes no such rule for a
 * map that the kernel has already.
 */
export function memberChains(): readonly string[] {
  return perFamily(({ n, ip }) =>
    SIDES.map((side) => {
      const member = `${ip} daddr . meta l4proto . th dport . meta mark`;
      const rule = `meta l4proto { tcp, udp, sctp } dnat ${ip} to ${member} map @${side}_members${n}`;
      return chain(`${side}_member${n}`, undefined, [rule]);
    }),
  );
}

function slotCount(backends: number): number {
  return backends <= EXACT_SLOTS ? backends : Math.max(MANY_SLOTS, 2 ** Math.ceil(Math.log2(backends * 8)));
}
