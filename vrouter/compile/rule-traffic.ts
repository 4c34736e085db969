/** The traffic that a policy's rule speaks of. Pure. */
import type { PolicyRule, PortRange } from '../../contrail/objects.ts';
import type { Span, Traffic } from '../model/networks.ts';
import { ALL_PORTS, EVERYTHING } from './traffic.ts';

/** Protocols by the names that rules and nft write, where the number is not written itself. */
export const PROTOCOL_NUMBERS: Readonly<Record<string, number>> = {
  icmp: 1,
  igmp: 2,
  ipip: 4,
  tcp: 6,
  egp: 8,
  udp: 17,
  dccp: 33,
  rsvp: 46,
  gre: 47,
  esp: 50,
  ah: 51,
  icmp6: 58,
  'ipv6-icmp': 58,
  ospf: 89,
  pgm: 113,
  vrrp: 112,
  sctp: 132,
  udplite: 136,
};
/** Those whose headers begin with the two ports; of others a rule's ports say nothing. */
const WITH_PORTS = [6, 17, 33, 132, 136];

/** Boxes of a rule, which may overlap. A protocol that is not known here is none for a pass, and every one for a denial. */
export function trafficOf(
  rule: Pick<PolicyRule, 'protocol' | 'src_ports' | 'dst_ports'>,
  isPass: boolean,
): readonly Traffic[] {
  const [sources, destinations] = [spansOf(rule.src_ports), spansOf(rule.dst_ports)];
  const protocols = protocolsOf(rule.protocol, [...sources, ...destinations].every(isWhole));
  if (protocols === undefined) return isPass ? [] : [EVERYTHING];
  return protocols.flatMap((span) => {
    if (!WITH_PORTS.includes(span[0])) return [{ ...EVERYTHING, protocols: span }];
    return sources.flatMap((sourcePorts) =>
      destinations.map((destinationPorts) => ({ protocols: span, sourcePorts, destinationPorts })),
    );
  });
}

/** Any protocol, with ports, is any that has some. */
function protocolsOf(text: string, isWholePorts: boolean): readonly Span[] | undefined {
  const name = text.toLowerCase();
  if (name === 'any') return isWholePorts ? [EVERYTHING.protocols] : WITH_PORTS.map((number) => [number, number]);
  const number = /^\d+$/.test(name) ? Number(name) : PROTOCOL_NUMBERS[name];
  return number === undefined || number > 255 ? undefined : [[number, number]];
}

/** -1 stands for every port, and so does a rule that says none. */
function spansOf(ranges: readonly PortRange[] | null | undefined): readonly Span[] {
  if (ranges === null || ranges === undefined || ranges.length === 0) return [ALL_PORTS];
  return ranges.map(({ start_port: start, end_port: end }) =>
    start < 0 ? ALL_PORTS : ([start, end < 0 ? start : end] as const),
  );
}

function isWhole([first, last]: Span): boolean {
  return first <= ALL_PORTS[0] && last >= ALL_PORTS[1];
}
