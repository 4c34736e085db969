/** What happens to a packet after routing, and to the node's own. Pure. */
import { elsewhere } from './admission.ts';
import { POD, TO_POD, TO_TUNNEL, TUNNEL, UNMARK, chain, perFamily, when } from './chain.ts';
import type { SkeletonOptions } from './chain.ts';
import { TO_SERVICE } from './chained.ts';
import { NOT_THE_NODE, ROUTED_BACK, ROUTED_OUT, sourceOfOwn, toSourceOfOwn } from './edges.ts';
import { outputToExternal, routedOutByExternal } from './externals.ts';
import { unmasked } from './forwarded.ts';
import { leadOn, toGuide } from './guidance.ts';
import { judge } from './limits.ts';
import { hex, HOST_TO_OWN_PODS, IS_OUTER, MAGIC } from './marks.ts';
import { GATEWAY, GROUPS, HAIRPIN_V6 } from './names.ts';
import { maskingAddress, nodeAddress } from './node-addresses.ts';
import { MARK_PROBE } from './probes.ts';

/** 0: what arrives at a pod was meant for it. */
export function forward(options: SkeletonOptions): readonly string[] {
  const { vxlanPort, hasChains } = options;
  return [
    chain('forward_pods', 'filter hook forward priority 0', [
      `${TO_POD} goto to_pod`,
      `${TO_TUNNEL} goto to_tunnel`,
      `${POD} goto out_from_pod`,
      `${TUNNEL} goto out_from_tunnel`,
    ]),
    chain('out_from_pod', undefined, [`udp dport ${vxlanPort} counter name injected drop`]),
    chain('out_from_tunnel', undefined, [
      // The answer to somebody outside who came by this node's address.
      'ct direction reply ct status snat accept',
      ROUTED_OUT,
      ...routedOutByExternal(options),
      'counter name unpaired drop',
    ]),
    chain('to_tunnel', undefined, [`iifgroup != ${GROUPS.pods} goto to_tunnel_from_outside`, UNMARK]),
    // Nobody but pods, and whom this node leads on to one.
    chain('to_tunnel_from_outside', undefined, [
      ...leadOn(options),
      `${TUNNEL} counter name unpaired drop`,
      ROUTED_BACK,
      'ct status & dnat == 0 counter name unpaired drop',
      UNMARK,
    ]),
    chain('to_pod', undefined, [
      ...when(hasChains, [`${TO_SERVICE} goto arrived`]),
      ...perFamily(({ n, ip }) => [`${ip} daddr . meta mark vmap @here${n}`]),
      `meta mark & 0xffff0000 != ${hex(MAGIC)} counter name unpaired drop`,
      'counter name misdelivered drop',
    ]),
    // After reassembly, so that no fragment hides the port; nested tunnels between pods are none of this.
    chain('input_pods', 'filter hook input priority 0', [
      // Its outer header has been checked as a whole packet's.
      `${IS_OUTER} accept`,
      NOT_THE_NODE,
      `udp dport ${vxlanPort} goto input_tunnel`,
    ]),
    chain('input_tunnel', undefined, [
      `iifgroup { ${GROUPS.pods}, ${GROUPS.tunnel} } counter name injected drop`,
      ...perFamily(({ n, ip }) => [`${ip} saddr != @nodes${n} counter name injected drop`]),
    ]),
  ];
}

/** 100: sources that the other side does not know. */
export function source(options: SkeletonOptions): readonly string[] {
  const address = nodeAddress(options, '4');
  return [
    chain('source', 'nat hook postrouting priority 100', [
      ...mask(options),
      `${TO_POD} goto source_to_pod`,
      ...unmasked(options),
      `${TO_TUNNEL} goto source_outside`,
      toSourceOfOwn(options),
      `${POD} goto source_of_pod`,
      'goto source_outside',
    ]),
    chain('source_of_pod', undefined, [
      ...(address === undefined
        ? []
        : underPorts(options, 'meta nfproto ipv4', (ports) => `snat ip to ${address}${ports}`)),
      ...underPorts(options, 'meta nfproto ipv6', (ports) => `masquerade${ports === '' ? '' : ` to ${ports}`}`),
    ]),
    chain('source_to_pod', undefined, [
      `ct status dnat ip saddr . ip daddr @hairpin4 snat ip to ${GATEWAY}`,
      `ct status dnat ip6 saddr . ip6 daddr @hairpin6 snat ip6 to ${HAIRPIN_V6}`,
    ]),
    sourceOfOwn(),
    // Somebody outside whom this node leads on to another machine must be answered through this one. The node itself may have begun under
    // an address that others do not know, and the tunnel does not lead back to.
    chain('source_outside', undefined, [
      `${POD} accept`,
      'ct status & dnat == 0 accept',
      `oifgroup != ${GROUPS.tunnel} fib saddr type local accept`,
      ...perFamily(({ n, ip }) => {
        const own = nodeAddress(options, n);
        return own === undefined ? [] : [`meta nfproto ipv${n} ${underName(ip, own)}`];
      }),
    ]),
  ];
}

/** Of several ranges of a protocol each has its share. */
function underPorts(
  { portPools }: SkeletonOptions,
  family: string,
  translated: (ports: string) => string,
): readonly string[] {
  const ranges = portPools.map(({ protocol, first, last }, index) => {
    const left = portPools.slice(index).filter((each) => each.protocol === protocol).length;
    const share = left === 1 ? '' : `numgen random mod ${left} 0 `;
    return `${family} meta l4proto ${protocol} ${share}${translated(`:${first}-${last}`)}`;
  });
  return [...ranges, `${family} ${translated('')}`];
}

/** What others do not know by its own address. */
function mask(options: SkeletonOptions): readonly string[] {
  return when(options.hasOverlapping, [
    ...perFamily(({ n, ip }) => [`ct mark @masked meta nfproto ipv${n} ${underName(ip, maskingAddress(options, n))}`]),
    ...perFamily(({ n, ip }) => [
      `ct status dnat ct mark @masked_services meta nfproto ipv${n} ${underName(ip, maskingAddress(options, n))}`,
    ]),
  ]);
}

/** Under an address of this node's; where it has none, nobody could answer. */
function underName(ip: 'ip' | 'ip6', address: string | undefined): string {
  return address === undefined ? 'counter name unpaired drop' : `snat ${ip} to ${address}`;
}

/** The node’s own packets. */
export function output(options: SkeletonOptions): readonly string[] {
  const { vxlanPort, hasOverlapping } = options;
  // The outer packet inherits the mark, and must not be routed by it.
  const unmarked = `${TO_TUNNEL} meta mark & 0xffff0000 == ${hex(MAGIC)} meta mark set 0`;
  return [
    chain('output_raw', 'filter hook output priority -450', [
      ...perFamily(({ n, ip }) => [`udp dport ${vxlanPort} ${ip} daddr @nodes${n} notrack accept`]),
      ...when(hasOverlapping, [`icmp type { 3, 11, 12 } goto zone`, `icmpv6 type { 1, 2, 3, 4 } goto zone`]),
    ]),
    ...when(hasOverlapping, [
      chain('output_track', 'route hook output priority -150', [
        'ct state untracked accept',
        ...MARK_PROBE,
        'ct direction reply meta mark set ct mark map @back_by_host accept',
      ]),
    ]),
    ...outputToExternal(options),
    chain('output_pair', 'filter hook output priority -90', [
      'ct state untracked accept',
      // A port of the node's own that portmap has made a pod's.
      'oif "lo" ct status dnat ct state new goto host_new',
      'oif "lo" accept',
      ...when(hasOverlapping, [unmarked]),
      'ct direction reply accept',
      'ct state new goto host_new',
      `ct mark & 0x80000000 == 0 accept`,
      'ct mark @forth_by_host accept',
      `${TO_TUNNEL} counter name unpaired drop`,
      `${TO_POD} counter name unpaired drop`,
    ]),
    ...when(hasOverlapping, [
      // A back end that only its network's table knows; every packet is routed anew.
      chain('output_elsewhere', 'route hook output priority -80', [
        'ct direction original ct status dnat meta mark set ct mark map @host_elsewhere accept',
      ]),
      chain('output_encapsulated', 'filter hook output priority -70', [unmarked]),
    ]),
    ...hostFlows(options),
  ];
}

/** New flows of the node itself. */
function hostFlows(options: SkeletonOptions): readonly string[] {
  const { fabricMark } = options;
  return [
    chain('host_new', undefined, [
      // A datagram that was not answered yet; its flow has been judged.
      'ct status dnat ct mark @forth_by_host accept',
      `ct status dnat ct mark ${fabricMark} goto host_service`,
      'ct status dnat ct mark 0 goto host_exposed',
      ...perFamily(({ n, ip }) => [`meta mark set ${ip} daddr map @pods${n} goto host_to_pod`]),
      ...perFamily(({ n, ip }) => [`meta mark set ${ip} daddr map @vips${n} meta mark set 0 goto refuse_politely`]),
      ...toGuide(options),
      `${TO_TUNNEL} counter name unpaired drop`,
      `${TO_POD} counter name unpaired drop`,
    ]),
    chain('host_service', undefined, [
      ...elsewhere('host_elsewhere', options),
      `meta mark set ${fabricMark}`,
      ...perFamily(({ n, ip }) => [`meta mark set ${ip} daddr map @pods${n}`]),
      'ct mark set ct mark . meta mark map @service_pairs meta mark set 0 accept',
      'counter name unpaired drop',
    ]),
    chain('host_elsewhere', undefined, [
      `ct mark set ${fabricMark}`,
      'ct mark set ct mark . meta mark map @service_pairs meta mark set 0 accept',
      'counter name unpaired drop',
    ]),
    // A port of a node, or an address that leads to nodes; or another plugin's translation (portmap).
    chain('host_exposed', undefined, [
      ...elsewhere('host_elsewhere', options),
      `meta mark set ${fabricMark}`,
      ...perFamily(({ n, ip }) => [`meta mark set ${ip} daddr map @pods${n}`]),
      `ct mark set ${fabricMark}`,
      'ct mark set ct mark . meta mark map @service_pairs meta mark set 0 accept',
      `meta mark != ${fabricMark} goto host_to_pod`,
      'ct mark set 0 meta mark set 0 accept',
    ]),
    chain('host_to_pod', undefined, [
      `ct mark set ${fabricMark}`,
      ...perFamily(({ n, ip }) => [`${ip} daddr @own_pods${n} ct mark set ${hex(HOST_TO_OWN_PODS)}`]),
      ...judge('meta mark set 0 accept'),
    ]),
  ];
}
