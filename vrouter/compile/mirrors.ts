/** Ports whose traffic is copied to an analyzer (`interface_mirror` of Contrail's schema). Pure. */
import { isIP } from 'node:net';
import type { Mirror, Port } from '../model.ts';
import type { ConfigIndex } from './index-config.ts';

/** One for each of this node's ports that says where to. Copies are VXLAN: with a header of Juniper's, none are made. */
export function compileMirrors(config: ConfigIndex, ports: readonly Port[]): readonly Mirror[] {
  return ports.flatMap(({ vmi }) => {
    const { virtual_machine_interface_properties: properties } = config.get('virtual-machine-interface', vmi) ?? {};
    const { mirror_to: to, traffic_direction: direction } = properties?.interface_mirror ?? {};
    const analyzer = to?.analyzer_ip_address ?? '';
    if (isIP(analyzer) === 0 || to?.juniper_header !== false) return [];
    return {
      vmi,
      analyzer,
      sent: direction !== 'egress',
      received: direction !== 'ingress',
    };
  });
}
