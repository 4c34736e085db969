/** What happens to a packet after routing, and to the node's own. Pure. */
import { POD, TO_POD, chain, perFamily } from './chain.ts';
import type { SkeletonOptions } from './chain.ts';
import { hex, HOST_TO_OWN_PODS, MAGIC } from './marks.ts';
import { GATEWAY, HAIRPIN_V6, POD_INTERFACES } from './names.ts';

/** 0: what arrives at a pod was meant for it. */
export function forward({ device, vxlanPort }: SkeletonOptions): readonly string[] {
  return [
    chain('forward_pods', 'filter hook forward priority 0', [
      `${TO_POD} goto to_pod`,
      `oifname "${device}" goto to_tunnel`,
      `iifname "${device}" counter name unpaired drop`,
      `${POD} udp dport ${vxlanPort} counter name injected drop`,
    ]),
    chain('to_tunnel', undefined, [
      `iifname != "${POD_INTERFACES}" counter name unpaired drop`,
      // The outer packet inherits the mark, and must not be routed by it.
      'meta mark set 0',
    ]),
    chain('to_pod', undefined, [
      `meta mark & 0xffff0000 != ${hex(MAGIC)} counter name unpaired drop`,
      ...perFamily(({ n, ip }) => [`${ip} daddr . meta mark @here${n} goto judge_policy`]),
      'counter name misdelivered drop',
    ]),
    // Security groups are judged here, on original packets that are about to reach their pod.
    chain('judge_policy', undefined, ['ct direction reply accept', 'accept']),
    // After reassembly, so that no fragment hides the port; nested tunnels between pods are none of this.
    chain('input_pods', 'filter hook input priority 0', [`udp dport ${vxlanPort} goto input_tunnel`]),
    chain('input_tunnel', undefined, [
      `${POD} counter name injected drop`,
      `iifname "${device}" counter name injected drop`,
      'ip saddr != @nodes4 counter name injected drop',
    ]),
  ];
}

/** 100: sources that the other side does not know. */
export function source({ device, address }: SkeletonOptions): readonly string[] {
  return [
    chain('source', 'nat hook postrouting priority 100', [
      `ct status dnat ip saddr . ip daddr @hairpin4 snat ip to ${GATEWAY}`,
      `ct status dnat ip6 saddr . ip6 daddr @hairpin6 snat ip6 to ${HAIRPIN_V6}`,
      `ct mark @masked meta nfproto ipv4 snat ip to ${address}`,
      `${POD} oifname != "${POD_INTERFACES}" oifname != "${device}" meta nfproto ipv4 snat ip to ${address}`,
      `${POD} oifname != "${POD_INTERFACES}" oifname != "${device}" meta nfproto ipv6 masquerade`,
    ]),
  ];
}

/** The node’s own packets. */
export function output({ device, vxlanPort, fabricMark, hasOverlapping }: SkeletonOptions): readonly string[] {
  return [
    chain('output_raw', 'filter hook output priority -450', [
      `udp dport ${vxlanPort} ip daddr @nodes4 notrack accept`,
      ...(hasOverlapping ? [`icmp type { 3, 11, 12 } goto zone`, `icmpv6 type { 1, 2, 3, 4 } goto zone`] : []),
    ]),
    ...(hasOverlapping
      ? [
          chain('output_track', 'route hook output priority -150', [
            'ct direction reply meta mark set ct mark map @back_by_host accept',
          ]),
        ]
      : []),
    chain('output_pair', 'filter hook output priority -90', [
      'ct state untracked accept',
      // A port of the node's own that portmap has made a pod's.
      'oif "lo" ct status dnat ct state new goto host_new',
      'oif "lo" accept',
      ...(hasOverlapping ? [`oifname "${device}" meta mark & 0xffff0000 == ${hex(MAGIC)} meta mark set 0`] : []),
      'ct direction reply accept',
      'ct state new goto host_new',
      `ct mark & 0x80000000 == 0 accept`,
      'ct mark @forth_by_host accept',
      `oifname "${device}" counter name unpaired drop`,
      `${TO_POD} counter name unpaired drop`,
    ]),
    chain('host_new', undefined, [
      // A datagram that was not answered yet; its flow has been judged.
      'ct status dnat ct mark @forth_by_host accept',
      `ct status dnat ct mark ${fabricMark} goto host_service`,
      ...perFamily(({ n, ip }) => [`meta mark set ${ip} daddr map @pods${n} goto host_to_pod`]),
      ...perFamily(({ n, ip }) => [`meta mark set ${ip} daddr map @vips${n} meta mark set 0 goto refuse_politely`]),
      `oifname "${device}" counter name unpaired drop`,
      `${TO_POD} counter name unpaired drop`,
    ]),
    chain('host_service', undefined, [
      `meta mark set ${fabricMark}`,
      ...perFamily(({ n, ip }) => [`meta mark set ${ip} daddr map @pods${n}`]),
      'ct mark set ct mark . meta mark map @service_pairs meta mark set 0 accept',
      'counter name unpaired drop',
    ]),
    chain('host_to_pod', undefined, [
      `ct mark set ${fabricMark}`,
      ...perFamily(({ n, ip }) => [`${ip} daddr @own_pods${n} ct mark set ${hex(HOST_TO_OWN_PODS)}`]),
      'ct mark set ct mark . meta mark map @pairs meta mark set 0 accept',
      'counter name unpaired drop',
    ]),
  ];
}
