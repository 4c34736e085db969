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
import { hex, HOST_TO_OWN_PODS, MAGIC } from './marks.ts';
import { GATEWAY, POD_INTERFACES, TABLE } from './names.ts';

export interface SkeletonOptions {
  /** The tunnel device. */
  readonly device: string;
  readonly vxlanPort: number;
  /** This node's underlay address. */
  readonly address: string;
  /** The fabric's packet mark. */
  readonly fabricMark: string;
  /** Whether any network's addresses overlap with others': only then a packet is asked for its zone. */
  readonly hasOverlapping: boolean;
}

interface Family {
  readonly n: '4' | '6';
  readonly ip: 'ip' | 'ip6';
}
const FAMILIES: readonly Family[] = [
  { n: '4', ip: 'ip' },
  { n: '6', ip: 'ip6' },
];
const POD = `iifname "${POD_INTERFACES}"`;
const TO_POD = `oifname "${POD_INTERFACES}"`;

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
  const { ip } = familyOf(n);
  const key = `${ip} daddr . meta l4proto . th dport . numgen random mod ${count}`;
  return [
    `add map ${TABLE} slots${n}_${count} { typeof ${key} : ${ip} daddr . th dport; }`,
    `add chain ${TABLE} backends${n}_${count}`,
    `add rule ${TABLE} backends${n}_${count} meta l4proto { tcp, udp, sctp } dnat ${ip} to ${key} map @slots${n}_${count}`,
  ];
}

function familyOf(n: '4' | '6'): Family {
  return n === '4' ? { n, ip: 'ip' } : { n, ip: 'ip6' };
}

function perFamily(lines: (family: Family) => readonly string[]): readonly string[] {
  return FAMILIES.flatMap(lines);
}

function chain(name: string, hook: string | undefined, rules: readonly string[]): string {
  const head = hook === undefined ? [] : [`  type ${hook}; policy accept;`];
  return [`chain ${name} {`, ...head, ...rules.map((rule) => `  ${rule}`), '}'].join('\n');
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
      `set own${n} { typeof meta mark . ${ip} saddr . ${ip} daddr; flags interval; }`,
      `map services${n} { typeof ${ip} daddr . meta l4proto . th dport : verdict; }`,
    ]),
    'set hairpin4 { typeof ip saddr . ip daddr; }',
    'set inner4 { typeof meta mark . @th,160,32 . @th,192,32; flags interval; }',
    'set inner6 { typeof meta mark . @th,128,128 . @th,256,128; flags interval; }',
  ];
}

function outer({ device, vxlanPort, hasOverlapping }: SkeletonOptions): readonly string[] {
  const marked = hasOverlapping ? 'goto zone' : 'accept';
  return [
    chain('outer', 'filter hook prerouting priority -450', [
      `${POD} goto from_pod`,
      `iifname "${device}" meta mark set meta mark & 0x0000ffff | ${hex(MAGIC)} ${marked}`,
      // Marks of ours come from nowhere else.
      `meta mark & 0xffff0000 == ${hex(MAGIC)} meta mark set 0`,
      `udp dport ${vxlanPort} goto tunnel`,
      'iif "lo" accept',
      // The underlay never speaks with pods' addresses: not whole packets, and not fragments to splice into theirs.
      ...perFamily(({ n, ip }) => [
        `meta mark set ${ip} saddr map @pods${n} counter name spoofed drop`,
        `meta mark set ${ip} daddr map @pods${n} counter name spoofed drop`,
      ]),
    ]),
    chain('from_pod', undefined, [
      ...perFamily(({ n, ip }) => [`meta mark set ${ip} saddr . iifname map @port${n} ${marked}`]),
      'counter name spoofed drop',
    ]),
    chain('tunnel', undefined, [
      `ip saddr @nodes4 meta mark set @th,96,24 map @vni notrack accept`,
      'counter name injected drop',
    ]),
  ];
}

/** Zones are set before reassembly, so that no fragment of one network completes another's datagram; flat networks share zone 0. */
function zone({ hasOverlapping }: SkeletonOptions): readonly string[] {
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

function track({ device }: SkeletonOptions): readonly string[] {
  return [
    chain('track', 'filter hook prerouting priority -150', [
      `meta mark & 0xffff0000 != ${hex(MAGIC)} goto track_underlay`,
      'ct direction reply meta mark set meta mark . ct mark map @back accept',
      'ct state established,related meta mark set meta mark . ct mark map @forth accept',
      'ct state new ct mark set meta mark accept',
      'ct state invalid counter name invalid drop',
      'ct direction reply counter name forged drop',
      // The passage was taken away.
      'counter name unpaired drop',
    ]),
    chain('track_underlay', undefined, [
      'ct mark 0 accept',
      `iifname != "${device}" ct direction reply meta mark set ct mark map @back_from_fabric`,
    ]),
  ];
}

function services(): readonly string[] {
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

function pair({ device, fabricMark }: SkeletonOptions): readonly string[] {
  return [
    chain('pair', 'filter hook prerouting priority -90', [
      'ct state != new accept',
      `${POD} goto admit`,
      `iifname "${device}" goto admit`,
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

function forward({ device, vxlanPort }: SkeletonOptions): readonly string[] {
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

function source({ device, address }: SkeletonOptions): readonly string[] {
  return [
    chain('source', 'nat hook postrouting priority 100', [
      `ct status dnat ip saddr . ip daddr @hairpin4 snat ip to ${GATEWAY}`,
      `ct mark @masked meta nfproto ipv4 snat ip to ${address}`,
      `${POD} oifname != "${POD_INTERFACES}" oifname != "${device}" meta nfproto ipv4 snat ip to ${address}`,
      `${POD} oifname != "${POD_INTERFACES}" oifname != "${device}" meta nfproto ipv6 masquerade`,
    ]),
  ];
}

function output({ device, vxlanPort, fabricMark, hasOverlapping }: SkeletonOptions): readonly string[] {
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
