/**
 * Floating addresses of pods (facts 7.4): what each stands for on this node, and which nodes may answer for it. The node of the pod
 * answers: it translates, so that both directions pass there. An address of several pods goes to one that lives. Pure.
 */
import type { FloatingIp } from '../../contrail/objects.ts';
import { familyOf } from '../linux/family.ts';
import type { Announcement, FloatingAddress, PortMapping } from '../model/edges.ts';
import type { InstanceId, Passage, Port } from '../model/networks.ts';
import type { Service } from '../model/services.ts';
import { placement } from './endpoints.ts';
import { announcementOf, type Externals } from './externals.ts';
import type { ConfigIndex } from './index-config.ts';

interface Floating {
  readonly floating: readonly FloatingAddress[];
  readonly announcements: readonly Announcement[];
}

/** Every floating IP whose interface is a pod's; those of load balancers are services'. */
export function compileFloating(
  config: ConfigIndex,
  { ports, externals }: { readonly ports: readonly Port[]; readonly externals: Externals },
): Floating {
  const byVmi = new Map(ports.map((port) => [port.vmi, port]));
  const all = config.all('floating-ip').flatMap((floating) => {
    const address = floating.floating_ip_address;
    const holders = config.uuids(floating, 'virtual-machine-interface');
    const [target] = holders.flatMap((vmi) => {
      const port = byVmi.get(vmi);
      return port === undefined ? [] : targetOf(floating, port);
    });
    // Whoever has no pod of the address's own has nothing to do with it.
    if (address === undefined || target === undefined) return [];
    return [{ floating, address, target, holders, external: externals.of(floating) }];
  });
  const nodesOf = nodeFinder(config, all.length > 0);
  return {
    floating: all.map(({ floating, address, target, holders, external }) => ({
      address,
      ...target,
      ...directionsOf(floating, holders.length > 1),
      ...(external === undefined ? {} : { external: external.id }),
    })),
    announcements: all.map(({ holders, ...entrance }) => announcementOf(entrance, nodesOf(holders), externals)),
  };
}

/**
 * Passages of translated flows: who may go outside reaches floating addresses of its own node there, too. Elsewhere it does as the
 * outside.
 */
export function floatingPassages(
  floating: readonly FloatingAddress[],
  outbound: readonly Passage[],
): readonly Passage[] {
  const targets = new Set(floating.filter(({ inward }) => inward).map(({ network }) => network));
  return outbound.flatMap(({ from }) => [...targets].map((to) => ({ from, to })));
}

/** The underlay addresses of interfaces' nodes, sorted. */
function nodeFinder(config: ConfigIndex, isAsked: boolean): (vmis: readonly string[]) => readonly string[] {
  const routers = isAsked ? placement(config) : new Map<string, never>();
  const nodeOf = (vmi: string): readonly string[] => {
    const found = config.get('virtual-machine-interface', vmi);
    const machine = (found && config.uuids(found, 'virtual-machine')[0]) ?? '';
    const address = routers.get(machine)?.virtual_router_ip_address;
    return address === undefined ? [] : [address];
  };
  return (vmis) => [...new Set(vmis.flatMap(nodeOf))].sort();
}

/** The pod's address of the floating one's family, or the one that it asks for. */
function targetOf(
  { floating_ip_address: address = '', floating_ip_fixed_ip_address: fixed }: FloatingIp,
  { addresses, network }: Port,
): readonly { readonly target: string; readonly network: InstanceId }[] {
  const sameFamily = addresses.filter((each) => familyOf(each) === familyOf(address));
  const target = sameFamily.find((each) => each === fixed) ?? sameFamily[0];
  return target === undefined ? [] : [{ target, network }];
}

const PROTOCOLS: Readonly<Record<string, Service['protocol']>> = { tcp: 'tcp', udp: 'udp', sctp: 'sctp' };

/** A pod goes out under an address that is its own alone, and whole: the answer would come to another one's node. */
function directionsOf(floating: FloatingIp, isShared: boolean): Pick<FloatingAddress, 'inward' | 'outward' | 'ports'> {
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
