/** How a new flow of a pod is translated and judged. Pure. */
import { POD, chain, perFamily } from './chain.ts';
import type { SkeletonOptions } from './chain.ts';
import { hex, HOST_TO_OWN_PODS } from './marks.ts';

/** -100: virtual addresses become back ends. */
export function services(): readonly string[] {
  return [
    chain('vips', 'nat hook prerouting priority -100', [`${POD} goto vips_from_pod`]),
    chain('vips_from_pod', undefined, [
      ...perFamily(({ n, ip }) => [`meta mark set ${ip} daddr map @vips${n} goto vips${n}`]),
    ]),
    ...perFamily(({ n, ip }) => [
      chain(`vips${n}`, undefined, [
        `meta mark set ct mark . meta mark map @pairs goto backends${n}`,
        'counter name unpaired drop',
      ]),
      chain(`backends${n}`, undefined, [`${ip} daddr . meta l4proto . th dport vmap @services${n}`]),
    ]),
    chain('vips_from_host', 'nat hook output priority -100', [
      ...perFamily(({ n, ip }) => [`ct mark set ${ip} daddr map @host_vips${n} goto backends${n}`]),
    ]),
  ];
}

/** -90: a new flow is judged, after its destination is known. */
export function pair({ device, fabricMark }: SkeletonOptions): readonly string[] {
  return [
    chain('pair', 'filter hook prerouting priority -90', [
      'ct state != new accept',
      `${POD} goto admit`,
      `iifname "${device}" goto admit`,
      'ct status dnat goto admit_host_port',
    ]),
    // The underlay speaks with this node's pods where the node itself has made a port of its own theirs (portmap).
    chain('admit_host_port', undefined, [
      ...perFamily(({ n, ip }) => [
        `${ip} daddr @own_pods${n} meta mark set ${ip} daddr map @pods${n} goto judge_host_port`,
      ]),
    ]),
    chain('judge_host_port', undefined, [
      `ct mark set ${hex(HOST_TO_OWN_PODS)}`,
      'ct mark set ct mark . meta mark map @pairs accept',
      'counter name unpaired drop',
    ]),
    chain('admit', undefined, [
      'ct status dnat goto admit_service',
      `ct mark & 0x00008000 != 0 goto admit_overlapping`,
      ...perFamily(({ n, ip }) => [`meta mark set ${ip} daddr map @pods${n} goto judge`]),
      ...perFamily(({ n, ip }) => [`meta mark set ${ip} daddr map @machines${n} goto judge`]),
      'goto admit_overlapping',
    ]),
    chain('admit_overlapping', undefined, [
      ...perFamily(({ n, ip }) => [`meta mark set ct mark . ${ip} daddr map @peers${n} goto judge`]),
      ...perFamily(({ n, ip }) => [`meta mark set ${ip} daddr map @vips${n} goto refuse`]),
      'counter name unpaired drop',
    ]),
    chain('admit_service', undefined, [
      `meta mark set ${fabricMark}`,
      ...perFamily(({ n, ip }) => [`meta mark set ${ip} daddr map @pods${n}`]),
      'ct mark set ct mark . meta mark map @service_pairs accept',
      'counter name unpaired drop',
    ]),
    chain('judge', undefined, ['ct mark set ct mark . meta mark map @pairs accept', 'counter name unpaired drop']),
    chain('refuse', undefined, [
      'meta mark set ct mark . meta mark map @pairs meta mark set ct mark goto refuse_politely',
      'counter name unpaired drop',
    ]),
    // The refusal is routed by the refused packet's mark (fwmark_reflect): the source's.
    chain('refuse_politely', undefined, [
      'meta l4proto tcp reject with tcp reset',
      'reject with icmpx type port-unreachable',
    ]),
  ];
}
