/** What happens to a packet as it comes in, before anything is decided about its flow. Pure. */
import { ARRIVING, FORGET_MARK, POD, TUNNEL, chain, perFamily, when } from './chain.ts';
import type { SkeletonOptions } from './chain.ts';
import { BROUGHT, enterLanes, ON_LANE, PASS_WHOLE, trackLanes } from './chained.ts';
import { externalTracking, fromExternal, notOfExternal, toExternal, trackExternal } from './externals.ts';
import { fromUnderlay, servedByUnderlay, toNotOfPods } from './forwarded.ts';
import { fromMachines, ledAlready, notFromGuided, notToGuided } from './guidance.ts';
import { withinLimits } from './limits.ts';
import { hex, IS_OUTER, IS_OUTER_OR_STEERED, IS_OURS, MAGIC } from './marks.ts';
import { POD_INTERFACES } from './names.ts';

/** Interfaces that are ours, and not in their group yet, are no way around the checks. */
const notInGroup = ({ device }: SkeletonOptions): readonly string[] =>
  [POD_INTERFACES, device].map((name) => `iifname "${name}" counter name spoofed drop`);

/**
 * The underlay never speaks with pods' addresses, unless it routes them. Asked of fragments before they are made whole, which could be
 * spliced into a pod's datagram, and of everything else once its flow is known: a translated one was judged with its first packet.
 */
function notOfPods(options: SkeletonOptions): string {
  return chain('not_of_pods', undefined, [
    'iif "lo" return',
    ...notInGroup(options),
    ...perFamily(({ n, ip }) => [`meta mark set ${ip} saddr map @pods${n} counter name spoofed drop`]),
    ...notFromGuided(options),
    // It was sent to another address.
    'ct direction original ct status dnat return',
    'ct direction reply ct status snat return',
    ...perFamily(({ n, ip }) => [`meta mark set ${ip} daddr map @pods${n} counter name spoofed drop`]),
    ...notToGuided(options),
  ]);
}

/** -450: marks by interface or VNI; spoofed sources and foreign VXLAN die here. */
export function outer(options: SkeletonOptions): readonly string[] {
  const { vxlanPort, hasOverlapping, hasChains, underlay } = options;
  const marked = hasOverlapping ? 'goto zone' : 'accept';
  const [fromPod, fromTunnel] = hasChains ? ['goto from_any_pod', 'goto from_any_tunnel'] : [marked, marked];
  return [
    chain('outer', 'filter hook prerouting priority -450', [
      `${POD} goto from_pod`,
      `${TUNNEL} goto from_tunnel`,
      ...toExternal(options),
      `udp dport ${vxlanPort} goto tunnel`,
      FORGET_MARK,
      ...notOfExternal(options),
      ...(underlay === undefined ? [] : [`iifname "${underlay}" goto from_underlay`]),
      'ip frag-off & 0x3fff != 0 goto not_of_pods',
      'exthdr frag exists goto not_of_pods',
    ]),
    ...fromExternal(options),
    ...fromUnderlay(options),
    notOfPods(options),
    chain('from_pod', undefined, [
      ...perFamily(({ n, ip }) => [`meta mark set ${ip} saddr . iifname map @port${n} ${fromPod}`]),
      'counter name spoofed drop',
    ]),
    chain('from_tunnel', undefined, [
      ...when(hasChains, [`${BROUGHT} goto pass_on`]),
      ...fromMachines(options),
      `meta mark set meta mark & 0x0000ffff | ${hex(MAGIC)} ${fromTunnel}`,
    ]),
    ...when(hasChains, enterLanes(marked)),
    chain('tunnel', undefined, [
      ...notInGroup(options),
      ...perFamily(({ n, ip }) => [`${ip} saddr @nodes${n} meta mark set @th,96,24 map @vni notrack accept`]),
      'counter name injected drop',
    ]),
  ];
}

/** Zones are set before reassembly, so that no fragment of one network completes another's datagram; flat networks share zone 0. */
export function zone({ hasOverlapping }: SkeletonOptions): readonly string[] {
  if (!hasOverlapping) return [];
  const onlyOverlapping = `meta mark & 0xffff8000 != ${hex(MAGIC + 0x8000)} accept`;
  return [
    chain('zone', undefined, [onlyOverlapping, 'goto zone_of_error']),
    chain('zone_of_error', undefined, [
      // An error belongs to the connection that it quotes.
      'icmp type { 3, 11, 12 } meta mark . @th,160,32 . @th,192,32 @inner4 ct zone set meta mark map @zones accept',
      'icmpv6 type { 1, 2, 3, 4 } meta mark . @th,128,128 . @th,256,128 @inner6 ct zone set meta mark map @zones accept',
      ...perFamily(({ n, ip }) => [
        `meta mark . ${ip} saddr . ${ip} daddr @own${n} ct zone set meta mark map @zones accept`,
      ]),
      'ct original zone set meta mark map @zones accept',
    ]),
  ];
}

/**
 * -90: known flows get their mark back, as long as their pair stands, and new ones are judged. It comes after translation, so that a packet
 * passes one chain for both.
 */
export function track(options: SkeletonOptions): readonly string[] {
  const { fabricMark, fabricWay, hasChains } = options;
  return [
    chain('track', 'filter hook prerouting priority -90', [
      // One rule for nearly every packet. A flow that nobody has answered yet is judged anew: its address may be another network's by now.
      'ct state established,related meta mark set meta mark . ct mark . ct direction map @known accept',
      `${hasChains ? IS_OUTER_OR_STEERED : IS_OUTER} accept`,
      ...when(hasChains, [PASS_WHOLE]),
      'ct state new goto pair',
      ...when(hasChains, [`ct state untracked ${IS_OURS} accept`, `${ON_LANE} goto track_lane`]),
      ...trackExternal(options),
      `meta mark & 0xffff0000 != ${hex(MAGIC)} goto track_underlay`,
      'ct direction reply meta mark set meta mark . ct mark map @known_to_fabric goto track_reply',
      'ct state established,related meta mark set meta mark . ct mark map @limited_forth goto track_limited',
      'ct state invalid counter name invalid drop',
      'ct direction reply counter name forged drop',
      // The passage was taken away.
      'counter name unpaired drop',
    ]),
    ...when(hasChains, trackLanes()),
    ...externalTracking(options),
    // What a passage may carry can be taken away, too. An error quotes a packet that was judged; a service is a passage itself.
    chain('track_limited', undefined, [
      'ct state related accept',
      'ct status dnat accept',
      ...servedByUnderlay(options),
      `${withinLimits('ct mark')} accept`,
      'counter name unpaired drop',
    ]),
    // What came to the node's own address (a port of its own) is answered from there, and not through the tunnel, but for pods.
    chain('track_reply', undefined, [
      `meta mark { ${fabricMark}, ${fabricWay} } ct status dnat goto answer_outside`,
      'accept',
    ]),
    chain('answer_outside', undefined, [
      ...perFamily(({ n, ip }) => [`meta mark set ${ip} daddr map @pods${n} accept`]),
      'meta mark set 0 accept',
    ]),
    ...trackUnderlay(options),
  ];
}

/** What the underlay brings of flows that are known, but not by the first rule. */
function trackUnderlay(options: SkeletonOptions): readonly string[] {
  const { fabricMark, underlay } = options;
  return [
    chain('track_underlay', undefined, [
      'ct mark 0 accept',
      ...ledAlready(options),
      toNotOfPods(options),
      'ct direction reply meta mark set ct mark map @back_from_fabric accept',
      `ct direction original ${ARRIVING}`,
      ...(underlay === undefined
        ? []
        : ['ct direction original meta mark set ct mark map @limited_arriving goto track_limited']),
      // A port of the node that another plugin (portmap) has translated to a pod here.
      'ct direction original ct status dnat goto track_host_port',
    ]),
    chain('track_host_port', undefined, [
      `meta mark set ${fabricMark}`,
      'meta mark set meta mark . ct mark . ct direction map @known accept',
      // Or a service, whose back ends are reached by it alone.
      'meta mark set meta mark . ct mark map @limited_forth accept',
      'counter name unpaired drop',
    ]),
  ];
}
