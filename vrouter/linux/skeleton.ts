/**
 * The nftables table without its elements: the pipeline of facts 2, one function per hook. Where a packet is judged:
 *
 *     outer -450   mark by interface or VNI, and zone, before reassembly; spoofed sources and foreign VXLAN die here
 *     track -150   known flows: their mark, as long as their pair stands; new ones: ct mark := source
 *     vips  -100   services
 *     pair   -90   new flows: ct mark := pair(source, destination), mark := destination; no pair, no passage
 *     forward  0   what arrives at a pod was meant for it; network policy has its place here
 *     source 100   translation of sources
 *
 * Pure.
 */
import { services, pair } from './admission.ts';
import { perFamily } from './chain.ts';
import type { SkeletonOptions } from './chain.ts';
import { forward, output, source } from './egress.ts';
import { outer, track, zone } from './ingress.ts';
import { TABLE } from './names.ts';

/** The declarations of a table: counters, sets, maps and chains, without `table … {`. */
export function skeleton(options: SkeletonOptions): string {
  return [
    ...['spoofed', 'injected', 'invalid', 'forged', 'unpaired', 'misdelivered'].map((name) => `counter ${name} { }`),
    ...sets(),
    ...outer(options),
    ...zone(options),
    ...track(options),
    ...services(),
    ...pair(options),
    ...forward(options),
    ...source(options),
    ...output(options),
  ].join('\n');
}

/** Declares a chain and a map for services with `count` back ends of one family: one of each per number, not per service. */
export function backendsDeclaration(n: '4' | '6', count: number): readonly string[] {
  const ip = n === '4' ? 'ip' : 'ip6';
  const key = `${ip} daddr . meta l4proto . th dport . numgen random mod ${count}`;
  return [
    `add map ${TABLE} slots${n}_${count} { typeof ${key} : ${ip} daddr . th dport; }`,
    `add chain ${TABLE} backends${n}_${count}`,
    `add rule ${TABLE} backends${n}_${count} meta l4proto { tcp, udp, sctp } dnat ${ip} to ${key} map @slots${n}_${count}`,
  ];
}

function sets(): readonly string[] {
  return [
    'set generation { type mark; }',
    'set nodes4 { type ipv4_addr; }',
    'map vni { typeof @th,96,24 : meta mark; }',
    'map zones { typeof meta mark : ct zone; }',
    'map pairs { typeof ct mark . meta mark : ct mark; }',
    'map service_pairs { typeof ct mark . meta mark : ct mark; }',
    'map forth { typeof meta mark . ct mark : meta mark; }',
    'map back { typeof meta mark . ct mark : meta mark; }',
    'map back_from_fabric { typeof ct mark : meta mark; }',
    'map back_by_host { typeof ct mark : meta mark; }',
    'set forth_by_host { typeof ct mark; }',
    'set masked { typeof ct mark; }',
    ...perFamily(({ n, ip }) => [
      `map port${n} { typeof ${ip} saddr . iifname : meta mark; }`,
      `map pods${n} { typeof ${ip} daddr : meta mark; }`,
      `map machines${n} { typeof ${ip} daddr : meta mark; }`,
      `map peers${n} { typeof ct mark . ${ip} daddr : meta mark; }`,
      `map vips${n} { typeof ${ip} daddr : meta mark; }`,
      `map host_vips${n} { typeof ${ip} daddr : ct mark; }`,
      `set here${n} { typeof ${ip} daddr . meta mark; }`,
      `set own_pods${n} { typeof ${ip} daddr; }`,
      `set hairpin${n} { typeof ${ip} saddr . ${ip} daddr; }`,
      `set own${n} { typeof meta mark . ${ip} saddr . ${ip} daddr; flags interval; }`,
      `map services${n} { typeof ${ip} daddr . meta l4proto . th dport : verdict; }`,
    ]),
    'set inner4 { typeof meta mark . @th,160,32 . @th,192,32; flags interval; }',
    'set inner6 { typeof meta mark . @th,128,128 . @th,256,128; flags interval; }',
  ];
}
