/** What a floating IP says of the pod that it stands for. Pure. */
import type { FloatingIp } from '../../contrail/objects.ts';
import { familyOf } from '../linux/family.ts';
import type { FloatingAddress, PortMapping } from '../model/edges.ts';
import type { Service } from '../model/services.ts';

/** The pod's address of the floating one's family, or the one that it asks for. */
export function targetAmong(
  addresses: readonly string[],
  { floating_ip_address: address = '', floating_ip_fixed_ip_address: fixed }: FloatingIp,
): string | undefined {
  const sameFamily = addresses.filter((each) => familyOf(each) === familyOf(address));
  return sameFamily.find((each) => each === fixed) ?? sameFamily[0];
}

const PROTOCOLS: Readonly<Record<string, Service['protocol']>> = { tcp: 'tcp', udp: 'udp', sctp: 'sctp' };

/** A pod goes out under an address that is its own alone, and whole: the answer would come to another one's node. */
export function directionsOf(
  floating: FloatingIp,
  isShared: boolean,
): Pick<FloatingAddress, 'inward' | 'outward' | 'ports'> {
  const direction = floating.floating_ip_traffic_direction ?? 'both';
  const inward = direction !== 'egress';
  if (floating.floating_ip_port_mappings_enable !== true)
    return { inward, outward: direction !== 'ingress' && !isShared };
  return { inward, outward: false, ports: portsOf(floating) };
}

function portsOf({ floating_ip_port_mappings: mappings }: FloatingIp): readonly PortMapping[] {
  return (mappings?.port_mappings ?? []).flatMap(({ protocol: name, src_port: port, dst_port: targetPort }) => {
    const protocol = PROTOCOLS[name.toLowerCase()];
    return protocol === undefined ? [] : [{ protocol, port, targetPort }];
  });
}
