/** How a new flow of a pod is translated and judged. Pure. */
import { ARRIVING, POD, TUNNEL, chain, perFamily, when } from './chain.ts';
import type { SkeletonOptions } from './chain.ts';
import { admitLanes, CHAINED_ALREADY, ON_LANE } from './chained.ts';
import { fromRouters, leave, toRouters, TRANSLATE_FLOATING, TRANSLATE_FLOATING_FOR_HOST, TURN } from './edges.ts';
import {
  externalJudgements,
  judgeExternal,
  judgeExternalToMachine,
  refuseExternal,
  sourceOfExternal,
} from './externals.ts';
import { admitted, ARRIVE, arrivals, toNotOfPods } from './forwarded.ts';
import { judge, withinLimits } from './limits.ts';
import { hex, HOST_TO_OWN_PODS, IS_OURS, MAGIC } from './marks.ts';
import { TRANSLATE_PROBE } from './probes.ts';

/** Holds for a new flow of a network whose addresses overlap with others'. */
const OVERLAPS = 'ct mark & 0x00008000 != 0';

/** -100: virtual addresses become back ends, and so do ports of nodes and addresses that lead to them. */
export function services({ fabricMark, hasChains, hasOverlapping }: SkeletonOptions): readonly string[] {
  return [
    chain('vips', 'nat hook prerouting priority -100', [
      ...when(hasChains, [`${CHAINED_ALREADY} accept`]),
      // Its source, while it is judged.
      `${IS_OURS} ct mark set meta mark`,
      `${POD} goto vips_from_pod`,
      // Of the tunnel's, what pods elsewhere send to this machine.
      `${TUNNEL} meta mark != ${fabricMark} accept`,
      ...TRANSLATE_FLOATING,
      'goto offered',
    ]),
    chain('offered', undefined, [
      ...guard(),
      ...perFamily(({ n, ip }) => [`${ip} daddr . meta l4proto . th dport vmap @offered${n}`]),
    ]),
    // loadBalancerSourceRanges.
    ...perFamily(({ n, ip }) => [
      chain(`guard${n}`, undefined, [
        `${ip} daddr . meta l4proto . th dport . ${ip} saddr @allowed${n} return`,
        'counter name unwelcome drop',
      ]),
    ]),
    chain('vips_from_pod', undefined, [
      ...perFamily(({ n, ip }) => [`meta mark set ${ip} daddr map @vips${n} goto vips${n}`]),
      // Where addresses overlap with others', they are not the nodes'.
      ...when(hasOverlapping, [`${OVERLAPS} accept`]),
      ...TURN,
      ...guard(),
      ...perFamily(({ n, ip }) => [`${ip} daddr . meta l4proto . th dport vmap @exposed${n}`]),
    ]),
    ...perFamily(({ n, ip }) => [
      chain(`vips${n}`, undefined, [
        `meta mark set ct mark . meta mark map @pairs goto backends${n}`,
        `meta mark set ct mark . meta mark map @limited_pairs ${withinLimits('meta mark')} goto backends${n}`,
        'goto refuse_unpaired',
      ]),
      chain(`backends${n}`, undefined, [`${ip} daddr . meta l4proto . th dport vmap @services${n}`]),
    ]),
    chain('vips_from_host', 'nat hook output priority -100', [
      ...TRANSLATE_PROBE,
      ...TRANSLATE_FLOATING_FOR_HOST,
      ...perFamily(({ n, ip }) => [`ct mark set ${ip} daddr map @host_vips${n} goto backends${n}`]),
      ...perFamily(({ n, ip }) => [`${ip} daddr . meta l4proto . th dport vmap @exposed${n}`]),
    ]),
  ];
}

function guard(): readonly string[] {
  return perFamily(({ n, ip }) => [`${ip} daddr . meta l4proto . th dport @guarded${n} jump guard${n}`]);
}

/** Who judges which flow. */
function pairRules(options: SkeletonOptions): readonly string[] {
  return [
    ...when(options.hasChains, [`${ON_LANE} goto admit_lane`]),
    `${POD} goto admit`,
    ...fromRouters(options),
    `${TUNNEL} goto admit`,
    toNotOfPods(options),
    ...sourceOfExternal(options),
    'ct status dnat goto admit_outside',
    ...toRouters(options),
    ...refuseExternal(options),
    ...(options.underlay === undefined ? [] : ARRIVE),
  ];
}

/** Flows that the underlay has with pods, by a port of this node's or an address that leads to it. */
function outside(options: SkeletonOptions): readonly string[] {
  return [
    // The underlay speaks with pods where a port of the node's is a service's, or where another plugin (portmap) has made one theirs.
    chain('admit_outside', undefined, [
      ARRIVING,
      ...elsewhere('judge_outside', options),
      ...perFamily(({ n, ip }) => [`meta mark set ${ip} daddr map @pods${n} goto judge_outside`]),
      ...judgeExternalToMachine(options),
      // A machine is reached as the node itself would: affinity's mark has done its work.
      'meta mark set 0',
    ]),
    chain('judge_outside', undefined, [
      ...judgeExternal(options),
      `ct mark set ${options.fabricMark}`,
      `ct mark set ct mark . meta mark map @service_pairs ${admitted(options)}`,
      ...perFamily(({ n, ip }) => [`${ip} daddr @own_pods${n} goto judge_host_port`]),
      'goto refuse_unpaired',
    ]),
    chain('judge_host_port', undefined, [
      `ct mark set ${hex(HOST_TO_OWN_PODS)}`,
      'ct mark set ct mark . meta mark map @pairs accept',
      'goto refuse_unpaired',
    ]),
  ];
}

/** A back end whose address may be another's too: its mark, and it alone, says in which network it is. */
export function elsewhere(next: string, { hasOverlapping }: SkeletonOptions): readonly string[] {
  return when(
    hasOverlapping,
    perFamily(({ n, ip }) => [`meta mark set meta mark . ${ip} daddr map @elsewhere${n} goto ${next}`]),
  );
}

/** -90: a new flow is judged, now that its destination is known. */
export function pair(options: SkeletonOptions): readonly string[] {
  const { fabricMark, hasChains, hasOverlapping } = options;
  return [
    chain('pair', undefined, pairRules(options)),
    ...outside(options),
    ...externalJudgements(options),
    ...arrivals(options),
    ...when(hasChains, admitLanes()),
    chain('admit', undefined, [
      // It has been judged before, and is not answered yet; or other software has translated it, and nobody here was asked.
      `ct mark & 0xffff0000 != ${hex(MAGIC)} ct mark set meta mark`,
      'ct status dnat goto admit_service',
      ...when(hasOverlapping, [`${OVERLAPS} goto admit_overlapping`]),
      ...perFamily(({ n, ip }) => [`meta mark set ${ip} daddr map @pods${n} goto judge`]),
      ...perFamily(({ n, ip }) => [`meta mark set ${ip} daddr map @machines${n} goto judge`]),
      'goto admit_overlapping',
    ]),
    chain('admit_overlapping', undefined, [
      ...when(
        hasOverlapping,
        perFamily(({ n, ip }) => [`meta mark set ct mark . ${ip} daddr map @peers${n} goto judge`]),
      ),
      ...perFamily(({ n, ip }) => [`meta mark set ${ip} daddr map @vips${n} goto refuse`]),
      'goto leave',
    ]),
    ...leave(options),
    chain('admit_service', undefined, [
      ...elsewhere('judge_service', options),
      `meta mark set ${fabricMark}`,
      ...perFamily(({ n, ip }) => [`meta mark set ${ip} daddr map @pods${n}`]),
      'goto judge_service',
    ]),
    chain('judge_service', undefined, [
      `ct mark set ct mark . meta mark map @service_pairs ${admitted(options)}`,
      'goto refuse_unpaired',
    ]),
    chain('judge', undefined, judge(admitted(options))),
    chain('refuse', undefined, [
      'meta mark set ct mark . meta mark map @pairs meta mark set ct mark goto refuse_politely',
      `meta mark set ct mark . meta mark map @limited_pairs ${withinLimits('meta mark')} meta mark set ct mark goto refuse_politely`,
      'goto refuse_unpaired',
    ]),
    // The refusal is routed by the refused packet's mark (fwmark_reflect): the source's.
    chain('refuse_politely', undefined, [
      'meta l4proto tcp reject with tcp reset',
      'reject with icmpx type port-unreachable',
    ]),
  ];
}
