/**
 * The nftables table without its elements: the pipeline of facts 2, one function per hook. Where a packet is judged:
 *
 *     outer -450   mark by interface or VNI, and zone, before reassembly; spoofed sources of pods, and foreign VXLAN, die here
 *     vips  -100   new flows: ct mark := source; services
 *     track  -90   known flows: their mark, as long as their pair stands, on their way through a chain that of the next service;
 *                  new ones: ct mark := pair(source, destination), mark := destination; no pair, no passage;
 *                  of the underlay, nothing speaks for pods, or to them
 *     forward  0   what arrives at a pod was meant for it; network policy has its place here
 *     source 100   translation of sources
 *
 * Pure.
 */
import { services, pair } from './admission.ts';
import { perFamily } from './chain.ts';
import type { SkeletonOptions } from './chain.ts';
import { CHAIN_SETS } from './chained.ts';
import { DROP_SETS, dropChains } from './drops.ts';
import { EDGE_SETS } from './edges.ts';
import { forward, output, source } from './egress.ts';
import { externalSets } from './externals.ts';
import { outer, track, zone } from './ingress.ts';
import { FORWARDED_SETS } from './forwarded.ts';
import { GUIDANCE_SETS, lead } from './guidance.ts';
import { HIT_SETS, hitChains } from './hits.ts';
import { LIMIT_SETS } from './limits.ts';
import { affinitySets, memberChains } from './pools.ts';
import { POLICY_SETS, policy } from './policy.ts';
import { PROBE_SETS } from './probes.ts';

/** The declarations of a table: counters, sets, maps and chains, without `table … {`. */
export function skeleton(options: SkeletonOptions): string {
  return [
    ...[
      'spoofed',
      'injected',
      'invalid',
      'forged',
      'unpaired',
      'unserved',
      'misdelivered',
      'unwelcome',
      'denied_ingress',
      'denied_egress',
    ].map((name) => `counter ${name} { }`),
    ...sets(),
    ...externalSets(options),
    ...dropChains(),
    ...hitChains(),
    ...outer(options),
    ...lead(options),
    ...zone(options),
    ...track(options),
    ...memberChains(),
    ...services(options),
    ...pair(options),
    ...policy(options),
    ...forward(options),
    ...source(options),
    ...output(options),
  ].join('\n');
}

function sets(): readonly string[] {
  return [
    'set generation { type mark; }',
    'map vni { typeof @th,96,24 : meta mark; }',
    'map zones { typeof meta mark : ct zone; }',
    'map pairs { typeof ct mark . meta mark : ct mark; }',
    'map service_pairs { typeof ct mark . meta mark : ct mark; }',
    ...LIMIT_SETS,
    'map known { typeof meta mark . ct mark . ct direction : meta mark; }',
    'map known_to_fabric { typeof meta mark . ct mark : meta mark; }',
    ...POLICY_SETS,
    ...DROP_SETS,
    ...HIT_SETS,
    'map back_from_fabric { typeof ct mark : meta mark; }',
    'map back_by_host { typeof ct mark : meta mark; }',
    'set forth_by_host { typeof ct mark; }',
    'set masked { typeof ct mark; }',
    'set masked_services { typeof ct mark; }',
    'map host_elsewhere { typeof ct mark : meta mark; }',
    ...PROBE_SETS,
    ...EDGE_SETS,
    ...FORWARDED_SETS,
    ...GUIDANCE_SETS,
    ...CHAIN_SETS,
    ...perFamily(({ n, ip }) => [
      `set nodes${n} { typeof ${ip} saddr; }`,
      `map port${n} { typeof ${ip} saddr . iifname : meta mark; }`,
      `map pods${n} { typeof ${ip} daddr : meta mark; }`,
      `map machines${n} { typeof ${ip} daddr : meta mark; }`,
      `map peers${n} { typeof ct mark . ${ip} daddr : meta mark; }`,
      `map vips${n} { typeof ${ip} daddr : meta mark; }`,
      `map host_vips${n} { typeof ${ip} daddr : ct mark; }`,
      `map elsewhere${n} { typeof meta mark . ${ip} daddr : meta mark; }`,
      `set own_pods${n} { typeof ${ip} daddr; }`,
      `set hairpin${n} { typeof ${ip} saddr . ${ip} daddr; }`,
      `set own${n} { typeof meta mark . ${ip} saddr . ${ip} daddr; flags interval; }`,
      ...['services', 'exposed', 'offered'].map(
        (name) => `map ${name}${n} { typeof ${ip} daddr . meta l4proto . th dport : verdict; }`,
      ),
      `set guarded${n} { typeof ${ip} daddr . meta l4proto . th dport; }`,
      `set allowed${n} { typeof ${ip} daddr . meta l4proto . th dport . ${ip} saddr; flags interval; }`,
      ...affinitySets(n),
    ]),
    'set inner4 { typeof meta mark . @th,160,32 . @th,192,32; flags interval; }',
    'set inner6 { typeof meta mark . @th,128,128 . @th,256,128; flags interval; }',
  ];
}
