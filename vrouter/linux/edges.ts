/**
 * The cluster's edges in the kernel: flows of pods to the outside, under their node's address or a floating one of their own, and
 * flows of the outside to pods by floating addresses. The outside is an instance (`OUTSIDE`) that is routed as the node itself is.
 * Pure.
 */
import { OUTSIDE } from '../model/networks.ts';
import { TUNNEL, UNMARK, chain, perFamily, when } from './chain.ts';
import type { SkeletonOptions } from './chain.ts';
import { leaveByExternal } from './externals.ts';
import { withinLimits } from './limits.ts';
import { hex, IS_OF_OWN, MAGIC } from './marks.ts';
import { GROUPS } from './names.ts';
import { BY_SHARE, ROUTED_SETS } from './routed.ts';

/** The packet mark of what goes outside. */
export const OUTSIDE_MARK = hex(MAGIC + OUTSIDE);

/**
 * `outbound`: the networks that may go outside, under their node's address, and the pair of such flows. `routed`: those with a router,
 * the pair, and the mark by which they go; `router_addresses`: all of theirs. `inside`: addresses that are never sought outside, whoever
 * asks, and those of overlapping networks for whoever is in them. `float_…`: what a floating address leads to, under which pair, and what
 * a pod is outside.
 */
export const EDGE_SETS: readonly string[] = [
  'map outbound { typeof ct mark : ct mark; }',
  'map limited_outbound { typeof ct mark : ct mark; }',
  'map ways_out { typeof ct mark : meta mark; }',
  'map arriving { typeof ct mark : meta mark; }',
  ...ROUTED_SETS,
  ...perFamily(({ n, ip }) => [
    `set inside${n} { typeof ${ip} daddr; flags interval; }`,
    `set inside_own${n} { typeof ct mark . ${ip} daddr; flags interval; }`,
    `map routed${n} { typeof ct mark : ct mark; }`,
    `map router_sources${n} { typeof ct mark : ${ip} saddr; }`,
    `set router_addresses${n} { typeof ${ip} daddr; }`,
    `map leaving${n} { typeof ct mark . ${ip} saddr : ct mark; }`,
    `map float_pairs${n} { typeof ${ip} daddr : ct mark; }`,
    `map float_targets${n} { typeof ${ip} daddr : ${ip} daddr; }`,
    `map float_ports${n} { typeof ${ip} daddr . meta l4proto . th dport : ${ip} daddr . th dport; }`,
    `map float_sources${n} { typeof ct mark . ${ip} saddr : ${ip} saddr; }`,
    `map float_hosts${n} { typeof ${ip} daddr : ct mark; }`,
    `set float_turns${n} { typeof ${ip} daddr; }`,
  ]),
];

const OUT = `meta mark set ${OUTSIDE_MARK} accept`;

/** Nobody's outside: this host, link-local, multicast and reserved (RFC 6890). */
export const NOWHERE = {
  4: ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/3'],
  6: ['::/127', 'fe80::/10', 'ff00::/8'],
} as const;

/** A new flow of a pod to an address that nobody inside has. */
export function leave(options: SkeletonOptions): readonly string[] {
  return [
    chain('leave', undefined, [
      ...perFamily(({ n, ip }) => [
        `${ip} daddr { ${NOWHERE[n].join(', ')} } goto refuse_unpaired`,
        `${ip} daddr @inside${n} goto refuse_unpaired`,
        ...when(options.hasOverlapping, [`ct mark . ${ip} daddr @inside_own${n} goto refuse_unpaired`]),
      ]),
      // The mark comes last: what is not admitted has no way out, either.
      ...leaveByExternal(options),
      ...perFamily(({ n, ip }) => [`ct mark set ct mark . ${ip} saddr map @leaving${n} ${OUT}`]),
      ...perFamily(({ n }) => [
        `meta nfproto ipv${n} ct mark set ct mark map @routed${n} meta mark set ct mark map @ways_out accept`,
      ]),
      ...when(options.sharesEgress, BY_SHARE),
      // Of other nodes' pods those alone whose network's router is here.
      `iifgroup != ${GROUPS.pods} counter name unpaired drop`,
      `ct mark set ct mark map @outbound ${OUT}`,
      `ct mark set ct mark map @limited_outbound ${withinLimits('ct mark')} ${OUT}`,
      'goto refuse_unpaired',
    ]),
    ...perFamily(({ n, ip }) => [
      // A pod that goes outside, to a floating address of a pod's. Who does so by its router, or an address of its own, alone goes on.
      chain(`turn${n}`, undefined, [
        `meta mark set ct mark map @outbound goto turned${n}`,
        `meta mark set ct mark map @limited_outbound ${withinLimits('meta mark')} goto turned${n}`,
      ]),
      chain(`turned${n}`, undefined, [
        `dnat ${ip} to ${ip} daddr map @float_targets${n}`,
        `meta l4proto { tcp, udp, sctp } dnat ${ip} to ${ip} daddr . meta l4proto . th dport map @float_ports${n}`,
        'goto refuse_unpaired',
      ]),
    ]),
  ];
}

/** -100: a floating address becomes the pod's, whose pair with the outside is known by then. */
export const TRANSLATE_FLOATING: readonly string[] = perFamily(({ n, ip }) => translations(n, ip, 'float_pairs'));

/** The same for the node itself, which is no outside to its pods. */
export const TRANSLATE_FLOATING_FOR_HOST: readonly string[] = perFamily(({ n, ip }) =>
  translations(n, ip, 'float_hosts'),
);

function translations(n: string, ip: string, pairs: string): readonly string[] {
  const pair = `ct mark set ${ip} daddr map @${pairs}${n}`;
  return [
    `${pair} dnat ${ip} to ${ip} daddr map @float_targets${n}`,
    `meta l4proto { tcp, udp, sctp } ${pair} dnat ${ip} to ${ip} daddr . meta l4proto . th dport map @float_ports${n}`,
  ];
}

/** For pods, before anything else that leads to nodes. */
export const TURN: readonly string[] = perFamily(({ n, ip }) => [`${ip} daddr @float_turns${n} goto turn${n}`]);

/** 0: the outside is not the node itself, whatever addresses that has besides. */
const FROM_PODS = `iifgroup { ${GROUPS.pods}, ${GROUPS.tunnel} }`;
export const NOT_THE_NODE = `${FROM_PODS} meta mark ${OUTSIDE_MARK} ct direction original counter name unpaired drop`;

/** 0: from pods elsewhere, whose network's router is here; and back to them. */
export const ROUTED_OUT = `meta mark ${OUTSIDE_MARK} accept`;
export const ROUTED_BACK = `ct direction reply ct status snat ${UNMARK} accept`;

/**
 * -90: new flows that are left of another node's time: answers that have no flow here yet, and what was translated before it was led here. If
 * they were tracked, they would take the port of the stream that they belong to.
 */
export const toRouters = (options: SkeletonOptions): readonly string[] => ofRouters(options, 'daddr');
export const fromRouters = (options: SkeletonOptions): readonly string[] =>
  ofRouters(options, 'saddr').map((rule) => `${TUNNEL} ${rule}`);

function ofRouters({ hasRouters }: SkeletonOptions, side: 'saddr' | 'daddr'): readonly string[] {
  const rules = perFamily(({ n, ip }) => [`${ip} ${side} @router_addresses${n} counter name unpaired drop`]);
  return when(hasRouters, rules);
}

/** 100: to that chain, by a mark that most of its flows have; those by an interface of their own have a usual pair. */
export function toSourceOfOwn({ hasExternals }: SkeletonOptions): string {
  return `${hasExternals ? '' : `${IS_OF_OWN} `}jump source_of_own`;
}

/** 100: a pod with a floating address is seen as that, and others as their network's router. */
export const sourceOfOwn = (): string =>
  chain(
    'source_of_own',
    undefined,
    perFamily(({ n, ip }) => [
      `snat ${ip} to ct mark map @router_sources${n}`,
      `snat ${ip} to ct mark . ${ip} saddr map @float_sources${n}`,
    ]),
  );
