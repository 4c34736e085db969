/**
 * Service chains in the kernel (`lanes.ts`): a packet's lane is known as it comes in, its flow is tracked and judged as others are if
 * one of its ends is here, and it is steered to the next service, or to its end. Pure.
 */
import { chain, perFamily } from './chain.ts';
import { withinLimits } from './limits.ts';
import { CHAINED, hex } from './marks.ts';

/** How many shares a service's instances have of its flows. */
export const BUCKETS = 64;

/**
 * `lanes`: by where a pod's packet comes from and goes; `onward`: the same of what comes from a service, or through the tunnel to one;
 * `arrivals`: what the tunnel brings to a lane's end, by where it comes from; `afar`: whom a service's errors find elsewhere; `doors`:
 * interfaces of services; `lane_ways`: where a lane leads, if to one place; `known_spread`: known flows of lanes that lead to several.
 * Those of others go straight on (`known`).
 */
export const CHAIN_SETS: readonly string[] = [
  'set doors { typeof iifname; }',
  'map lane_pairs { typeof meta mark : ct mark; }',
  'map limited_lane_pairs { typeof meta mark : ct mark; }',
  'map known_spread { typeof meta mark . ct mark . ct direction : meta mark; }',
  'map lane_ways { typeof meta mark : meta mark; }',
  `map lane_buckets { typeof meta mark . numgen random mod ${BUCKETS} : meta mark; }`,
  'map inner_zones4 { typeof meta mark . @th,192,32 : ct zone; }',
  'map inner_zones6 { typeof meta mark . @th,256,128 : ct zone; }',
  ...perFamily(({ n, ip }) => [
    `map lanes${n} { typeof meta mark . ${ip} daddr : meta mark; }`,
    `map arrivals${n} { typeof meta mark . ${ip} saddr : meta mark; }`,
    `map onward${n} { typeof meta mark . ${ip} daddr : meta mark; }`,
    `set afar${n} { typeof meta mark . ${ip} daddr; }`,
    `set own_of_doors${n} { typeof ${ip} saddr . iifname; }`,
  ]),
];

const UPPER = '0xffff0000';
/** Holds for what is on a lane. */
export const ON_LANE = `meta mark & ${UPPER} == ${hex(CHAINED.lane)}`;
/** Holds for what goes to a service. */
export const TO_SERVICE = `meta mark & ${UPPER} == ${hex(CHAINED.target)}`;
/** Holds for what the tunnel has brought to a service. */
export const BROUGHT = `meta mark & ${UPPER} == ${hex(CHAINED.outer)}`;

/** Holds for what is on a lane, and judged elsewhere, until an instance is chosen for it. */
const PASSING = `meta mark & ${UPPER} == ${hex(CHAINED.passing)}`;
const ONTO_LANE = `meta mark set meta mark & 0x0000ffff | ${hex(CHAINED.lane)}`;
/** -90: what has been made whole for it. */
export const PASS_WHOLE = `${PASSING} ${ONTO_LANE} goto steer_lane`;
/** Holds for what is on a lane, or has been judged, or steered, already. */
export const CHAINED_ALREADY = `meta mark & ${UPPER} { ${hex(CHAINED.lane)}, ${hex(CHAINED.passing)}, ${hex(CHAINED.target)} }`;

const ERRORS = { 4: 'icmp type { 3, 11, 12 }', 6: 'icmpv6 type { 1, 2, 3, 4 }' } as const;

const INTO_ZONE = 'ct zone set meta mark map @zones accept';

/** -450: a packet's lane and zone, if it is on one; anything else goes on as `marked` says. */
export function enterLanes(marked: string): readonly string[] {
  return [
    chain('from_any_pod', undefined, [
      `meta mark & ${UPPER} == ${hex(CHAINED.entrance)} goto pass_on`,
      ...perFamily(({ n, ip }) => [`meta mark set meta mark . ${ip} daddr map @lanes${n} ${INTO_ZONE}`]),
      // An error of a service's own about what has come from elsewhere: the flow is known there.
      ...perFamily(({ n, ip }) => [`${ERRORS[n]} iifname @doors meta mark . ${ip} daddr @afar${n} notrack accept`]),
      'goto error_on_lane',
    ]),
    chain('from_any_tunnel', undefined, [
      ...perFamily(({ n, ip }) => [`meta mark set meta mark . ${ip} saddr map @arrivals${n} ${INTO_ZONE}`]),
      'goto error_on_lane',
    ]),
    // It belongs to the connection that it quotes.
    chain('error_on_lane', undefined, [
      `${ERRORS[4]} ct zone set meta mark . @th,192,32 map @inner_zones4 accept`,
      `${ERRORS[6]} ct zone set meta mark . @th,256,128 map @inner_zones6 accept`,
      marked,
    ]),
    // What is on its way from a service, or to one from elsewhere, is judged where it begins and where it ends.
    chain('pass_on', undefined, [
      ...perFamily(({ n, ip }) => [`meta mark set meta mark . ${ip} daddr map @onward${n} goto pass`]),
      'counter name spoofed drop',
    ]),
    chain('pass', undefined, [
      `${TO_SERVICE} notrack accept`,
      `${ON_LANE} ${INTO_ZONE}`,
      `${PASSING} goto pass_spread`,
      'notrack accept',
    ]),
    // Only a whole datagram has ports to choose by, and only what is tracked is made whole.
    chain('pass_spread', undefined, [
      'ip frag-off & 0x3fff != 0 ct zone set meta mark map @zones accept',
      'exthdr frag exists ct zone set meta mark map @zones accept',
      `${ONTO_LANE} notrack goto steer_lane`,
    ]),
  ];
}

/** -90: flows of a lane that the map of known ones does not hold. */
export function trackLanes(): readonly string[] {
  return [
    chain('track_lane', undefined, [
      'ct state established,related meta mark set meta mark . ct mark . ct direction map @known_spread goto steer_lane',
      'ct state established,related meta mark set meta mark . ct mark map @limited_forth goto track_limited_lane',
      'ct state invalid counter name invalid drop',
      'ct direction reply counter name forged drop',
      'counter name unpaired drop',
    ]),
    chain('track_limited_lane', undefined, [
      'ct state related goto steer_lane',
      `${withinLimits('ct mark')} goto steer_lane`,
      'counter name unpaired drop',
    ]),
    chain('steer_lane', undefined, [
      'meta mark set meta mark map @lane_ways accept',
      ...perFamily(({ ip }) => [...bucketRules(ip, 'forth'), ...bucketRules(ip, 'back')]),
      'goto refuse_unserved',
    ]),
  ];
}

/** -90: whether the pair of a new flow may be; then it is steered as the others are. */
export function admitLanes(): readonly string[] {
  return [
    chain('admit_lane', undefined, [
      'ct mark set meta mark map @lane_pairs goto steer_lane',
      `ct mark set meta mark map @limited_lane_pairs ${withinLimits('ct mark')} goto steer_lane`,
      'goto refuse_unpaired',
    ]),
  ];
}

/** Both headings of a flow have one bucket, on every node: the left side's address and port come first. */
function bucketRules(ip: string, heading: 'forth' | 'back'): readonly string[] {
  const [left, right] = heading === 'forth' ? ['s', 'd'] : ['d', 's'];
  const of = `meta mark & 0x00008000 ${heading === 'forth' ? '==' : '!='} 0`;
  const addresses = `${ip} ${left}addr . ${ip} ${right}addr`;
  return [
    `${of} meta l4proto { tcp, udp, sctp, dccp, udplite } ${intoBucket(`${addresses} . th ${left}port . th ${right}port`)}`,
    `${of} meta l4proto != { tcp, udp, sctp, dccp, udplite } ${intoBucket(addresses)}`,
  ];
}

function intoBucket(fields: string): string {
  return `meta mark set meta mark . jhash ${fields} mod ${BUCKETS} seed 0x4f435345 map @lane_buckets accept`;
}

/** 0: what passes a service is not the service's own, so its policies are not asked. */
export const PASSING_ON: readonly string[] = perFamily(({ n, ip }) => [
  `iifname @doors ${ip} saddr . iifname != @own_of_doors${n} goto departed`,
]);
