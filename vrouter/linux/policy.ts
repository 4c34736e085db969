/**
 * Where security groups are judged: after routing, when a packet's mark is free. A flow's own packets are looked up by who the other
 * end is, answers never. First the other end's identity (the groups it is in, as far as they matter to this port), then the blocks.
 *
 *     here ──► ingress ──► arrived ──► egress ──► departed         (a pod of this node to another one passes both)
 *
 * A port without a policy in a direction costs one look-up that finds nothing, or none. Pure.
 */
import { chain, perFamily, POD, UNMARK, when } from './chain.ts';
import type { SkeletonOptions } from './chain.ts';
import { PASSING_ON } from './chained.ts';
import { dropChain } from './drops.ts';
import { noteHit } from './hits.ts';
import { TABLE } from './names.ts';

/** The sets of policy. Numbers of ports and identities are marks with the highest bit set, which no packet's mark has. */
export const POLICY_SETS: readonly string[] = [
  'set departures { typeof iifname; }',
  'map ingress_numbers { typeof oifname : meta mark; }',
  'map egress_numbers { typeof iifname : meta mark; }',
  // Ports whose rules have an order, and identities that have been judged by it: blocks are not asked about them.
  'set ingress_ordered { typeof oifname; }',
  'set egress_ordered { typeof iifname; }',
  'set ingress_identified { typeof meta mark; }',
  'set egress_identified { typeof meta mark; }',
  ...perFamily(({ n, ip }) => [
    `map here${n} { typeof ${ip} daddr . meta mark : verdict; }`,
    ...side('ingress', n, { peer: `${ip} saddr`, self: `${ip} daddr` }),
    ...side('egress', n, { peer: `${ip} daddr`, self: `${ip} saddr` }),
  ]),
];

/**
 * The rules that lead to egress policies, at the end of the chains of what comes from pods. They join a table with the first port of the
 * node that has such a policy: until then, no packet is asked.
 */
export const DEPARTURES: readonly string[] = [`arrived ${POD}`, 'to_tunnel', 'out_from_pod'].map(
  (place) => `add rule ${TABLE} ${place} iifname @departures goto egress`,
);

/** What is judged on the way to a pod, and on the way from one. */
export function policy({ hasChains }: Pick<SkeletonOptions, 'hasChains'>): readonly string[] {
  return [
    chain('arrived', undefined, []),
    chain('egress', undefined, [
      'ct direction reply goto departed',
      ...when(hasChains, PASSING_ON),
      'meta nfproto vmap { ipv4 : goto egress4, ipv6 : goto egress6 }',
    ]),
    chain('departed', undefined, [UNMARK]),
    ...perFamily(({ n, ip }) => [
      chain(`ingress${n}`, undefined, [
        'ct direction reply accept',
        ...judged('ingress', n, { peer: `${ip} saddr`, self: `${ip} daddr`, interface: 'oifname' }),
      ]),
      chain(
        `egress${n}`,
        undefined,
        judged('egress', n, { peer: `${ip} daddr`, self: `${ip} saddr`, interface: 'iifname' }),
      ),
      passage('ingress', n, 'goto arrived'),
      passage('egress', n, 'goto departed'),
      refusal('ingress', n, 'goto arrived'),
      refusal('egress', n, 'goto departed'),
    ]),
  ];
}

type Direction = 'ingress' | 'egress';

function side(direction: Direction, n: string, { peer, self }: { readonly peer: string; readonly self: string }) {
  return [
    `map ${direction}_identities${n} { typeof ct mark . ${peer} : meta mark; }`,
    `set ${direction}_ports${n} { typeof meta mark . ${self} . meta l4proto . th dport; }`,
    `set ${direction}_all${n} { typeof meta mark . ${self}; }`,
    `set ${direction}_ranges${n} { typeof meta mark . ${self} . meta l4proto . th dport; flags interval; }`,
    `set ${direction}_blocks${n} { typeof ${peer} . meta mark . meta l4proto . th dport; flags interval; }`,
  ];
}

interface Ends {
  readonly peer: string;
  readonly self: string;
  readonly interface: string;
}

function judged(direction: Direction, n: string, { peer, self, interface: name }: Ends): readonly string[] {
  const next = passing(direction, n);
  return [
    `meta mark set ct mark . ${peer} map @${direction}_identities${n}`,
    `meta mark . ${self} . meta l4proto . th dport @${direction}_ports${n} goto ${next}`,
    `meta mark . ${self} @${direction}_all${n} goto ${next}`,
    `meta mark . ${self} . meta l4proto . th dport @${direction}_ranges${n} goto ${next}`,
    `meta mark @${direction}_identified ${name} @${direction}_ordered goto refuse_${direction}${n}`,
    `meta mark set ${name} map @${direction}_numbers`,
    `${peer} . meta mark . meta l4proto . th dport @${direction}_blocks${n} goto ${next}`,
    `goto refuse_${direction}${n}`,
  ];
}

function passing(direction: Direction, n: string): string {
  return `pass_${direction}${n}`;
}

/** What a rule allows. */
function passage(direction: Direction, n: string, allowed: string): string {
  return chain(passing(direction, n), undefined, [noteHit(direction, n), allowed]);
}

/**
 * An error about an answer belongs to the answer, and one about what a service has passed on (untracked) to whoever is told; a pod always
 * reaches itself through its service.
 */
function refusal(direction: Direction, n: string, allowed: string): string {
  const ip = n === '4' ? 'ip' : 'ip6';
  const errors = direction === 'egress' ? '{ related, untracked }' : 'related';
  return chain(`refuse_${direction}${n}`, undefined, [
    `ct state ${errors} ${allowed}`,
    `${ip} saddr . ${ip} daddr @hairpin${n} ${allowed}`,
    `jump ${dropChain(direction, n)}`,
    `counter name denied_${direction} drop`,
  ]);
}
