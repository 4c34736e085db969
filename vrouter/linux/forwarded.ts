/**
 * Networks that the underlay routes (`ip_fabric_forwarding`) in the kernel: between two of them, or between one and nodes, packets go
 * as they are, to the node that has the pod; everything else takes the tunnel. The outside reaches their pods, and sees them, by their
 * own addresses. A source of a pod's or a node's is believed where the frame comes from that node's MAC. Pure.
 */
import { chain, perFamily } from './chain.ts';
import type { SkeletonOptions } from './chain.ts';
import { withinLimits } from './limits.ts';
import { hex, MAGIC } from './marks.ts';

/**
 * `forwarded`: this node's own pods. `forwarders`: those elsewhere with their nodes' MACs, to their networks; `forwarding_nodes`: the
 * nodes themselves. `inbound`: the pair of the outside with each own pod. `by_underlay`: pairs of flows that take no tunnel, to the
 * mark of their destination; `served_by_underlay`: those that services lead to. `unmasked`: pairs of those that go outside as they are;
 * `unmasked_nodes`: to `neighbours`, as they are.
 */
export const FORWARDED_SETS: readonly string[] = [
  'map by_underlay { typeof ct mark : meta mark; }',
  'set served_by_underlay { typeof ct mark; }',
  'map limited_arriving { typeof ct mark : meta mark; }',
  'set unmasked { typeof ct mark; }',
  'set unmasked_nodes { typeof ct mark; }',
  ...perFamily(({ n, ip }) => [
    `set forwarded${n} { typeof ${ip} daddr; }`,
    `set machine${n} { typeof ${ip} daddr; }`,
    `set neighbours${n} { typeof ${ip} daddr; }`,
    `map forwarders${n} { typeof ${ip} saddr . ether saddr : meta mark; }`,
    `map forwarding_nodes${n} { typeof ${ip} saddr . ether saddr : meta mark; }`,
    `map inbound${n} { typeof ${ip} daddr : ct mark; }`,
  ]),
];

const SPOOFED = 'counter name spoofed drop';

/** -450: from the underlay. Whoever has a source that is a pod's or a node's must be that; others are the outside. */
export function fromUnderlay({ underlay }: SkeletonOptions): readonly string[] {
  if (underlay === undefined) return [];
  return [
    chain('from_underlay', undefined, [
      ...perFamily(({ n, ip }) => [
        `${ip} daddr @forwarded${n} goto to_forwarded`,
        `${ip} daddr @machine${n} meta mark set ${ip} saddr . ether saddr map @forwarders${n} accept`,
      ]),
      'goto not_of_pods',
    ]),
    chain('to_forwarded', undefined, [
      ...perFamily(({ n, ip }) => [
        `meta mark set ${ip} saddr . ether saddr map @forwarders${n} accept`,
        `meta mark set ${ip} saddr . ether saddr map @forwarding_nodes${n} accept`,
        `meta mark set ${ip} saddr map @pods${n} ${SPOOFED}`,
        `meta mark set ${ip} saddr map @machines${n} ${SPOOFED}`,
        `${ip} saddr @inside${n} ${SPOOFED}`,
      ]),
    ]),
  ];
}

/** -90: everything else that the underlay brings has nothing of a pod's; where the underlay routes, that has been asked (-450). */
export function toNotOfPods({ underlay }: SkeletonOptions): string {
  return `${underlay === undefined ? '' : `iifname != "${underlay}" `}jump not_of_pods`;
}

/** The verdict on a new flow that may pass: between two ends that the underlay routes it takes another way. */
export function admitted({ underlay }: SkeletonOptions): string {
  return underlay === undefined ? 'accept' : 'goto by_underlay';
}

/** -90: new flows that the underlay brings as they are: of pods and nodes elsewhere, and of the outside. */
export const ARRIVE: readonly string[] = [
  `meta mark & 0xffff0000 == ${hex(MAGIC)} goto admit_by_underlay`,
  ...perFamily(({ n, ip }) => [
    `meta mark set ${ip} daddr map @inbound${n} goto arrive`,
    `${ip} daddr @forwarded${n} goto refuse_unpaired`,
  ]),
];

/** The chains that such flows go through. */
export function arrivals(options: SkeletonOptions): readonly string[] {
  if (options.underlay === undefined) return [];
  return [
    chain('admit_by_underlay', undefined, [
      `ct mark & 0xffff0000 != ${hex(MAGIC)} ct mark set meta mark`,
      // A service has led there, and its node has judged that; in the tunnel it would come under the number of its target.
      ...perFamily(({ ip, n }) =>
        ['pods', 'machines'].map(
          (map) =>
            `meta mark set ${ip} daddr map @${map}${n} ct mark set ct mark . meta mark map @service_pairs ${admitted(options)}`,
        ),
      ),
      'goto admit',
    ]),
    chain('by_underlay', undefined, ['meta mark set ct mark map @by_underlay', 'accept']),
    chain('arrive', undefined, [
      'ct mark set meta mark',
      'meta mark set ct mark map @arriving accept',
      `meta mark set ct mark map @limited_arriving ${withinLimits('ct mark')} accept`,
      'goto refuse_unpaired',
    ]),
  ];
}

/** -90: what a service has led here need not be within the limits of its networks. */
export function servedByUnderlay({ underlay }: SkeletonOptions): readonly string[] {
  return underlay === undefined ? [] : [`iifname "${underlay}" ct mark @served_by_underlay accept`];
}

/** 100: what goes out as it is. */
export function unmasked({ underlay }: SkeletonOptions): readonly string[] {
  if (underlay === undefined) return [];
  return [
    'ct mark @unmasked accept',
    ...perFamily(({ n, ip }) => [`ct mark @unmasked_nodes ${ip} daddr @neighbours${n} accept`]),
  ];
}
