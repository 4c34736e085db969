/** What happens to a packet as it comes in, before anything is decided about its flow. Pure. */
import { POD, chain, perFamily } from './chain.ts';
import type { SkeletonOptions } from './chain.ts';
import { hex, MAGIC } from './marks.ts';

/** -450: marks by interface or VNI; spoofed sources and foreign VXLAN die here. */
export function outer({ device, vxlanPort, hasOverlapping }: SkeletonOptions): readonly string[] {
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

/** -150: known flows get their mark back, as long as their pair stands. */
export function track({ device, fabricMark }: SkeletonOptions): readonly string[] {
  return [
    chain('track', 'filter hook prerouting priority -150', [
      `meta mark & 0xffff0000 != ${hex(MAGIC)} goto track_underlay`,
      'ct direction reply meta mark set meta mark . ct mark map @back goto track_reply',
      'ct state established,related meta mark set meta mark . ct mark map @forth accept',
      'ct state new ct mark set meta mark accept',
      'ct state invalid counter name invalid drop',
      'ct direction reply counter name forged drop',
      // The passage was taken away.
      'counter name unpaired drop',
    ]),
    // What came to the node's own address (a port of portmap's) is answered from there, and not through the tunnel.
    chain('track_reply', undefined, [`meta mark ${fabricMark} ct status dnat meta mark set 0`, 'accept']),
    chain('track_underlay', undefined, [
      'ct mark 0 accept',
      `iifname != "${device}" ct direction reply meta mark set ct mark map @back_from_fabric accept`,
      // A port of the node that another plugin (portmap) has translated to a pod here.
      `iifname != "${device}" ct direction original ct status dnat goto track_host_port`,
    ]),
    chain('track_host_port', undefined, [
      `meta mark set ${fabricMark}`,
      'meta mark set meta mark . ct mark map @forth accept',
      'counter name unpaired drop',
    ]),
  ];
}
