/**
 * Floating addresses of pods (facts 7.4): what each stands for on this node, and which nodes may answer for it. The node of the pod
 * answers: it translates, so that both directions pass there. An address of several pods goes to one that lives. Pure.
 */
import type { FloatingIp } from '../../contrail/objects.ts';
import type { ForwardingState } from '../model.ts';
import type { InstanceId, Network, Passage, Port } from '../model/networks.ts';
import { placement } from './endpoints.ts';
import { announcementOf } from './externals.ts';
import { compileFloatingElsewhere, type ElsewhereContext } from './floating-elsewhere.ts';
import { directionsOf, targetAmong } from './floating-ip.ts';
import type { ConfigIndex } from './index-config.ts';

type Floating = Pick<ForwardingState, 'floating' | 'floatingElsewhere'>;

interface FloatingContext extends Omit<ElsewhereContext, 'here'> {
  readonly ports: readonly Port[];
}

/** Every floating IP whose interface is a pod's; those of load balancers are services'. */
export function compileFloating(
  config: ConfigIndex,
  { ports, ...context }: FloatingContext,
): Floating & Pick<ForwardingState, 'announcements'> {
  const { externals } = context;
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
    floatingElsewhere: compileFloatingElsewhere(config, { ...context, here: all.map(({ address }) => address) }),
    announcements: all.map(({ holders, ...entrance }) => announcementOf(entrance, nodesOf(holders), externals)),
  };
}

interface PassageContext {
  readonly networks: readonly Network[];
  readonly outbound: readonly Passage[];
  readonly fabric: InstanceId;
}

/**
 * Passages of translated flows: who may go outside reaches floating addresses of its own node without that, and those of networks at an
 * interface wherever they are; so do nodes. None where addresses overlap with others'.
 */
export function floatingPassages(
  { floating, floatingElsewhere: elsewhere }: Floating,
  { networks, outbound, fabric }: PassageContext,
): readonly Passage[] {
  const flat = new Set(networks.flatMap(({ id, overlapping }) => (overlapping ? [] : [id])));
  const inward = floating.filter((each) => each.inward && flat.has(each.network));
  const atInterfaces = [...inward.filter(({ external }) => external !== undefined), ...elsewhere];
  const targets = new Set([...inward, ...elsewhere].map(({ network }) => network));
  const askers = outbound.map(({ from }) => from).filter((from) => flat.has(from));
  return [
    ...askers.flatMap((from) => [...targets].map((to) => ({ from, to }))),
    ...atInterfaces.map(({ network: to }) => ({ from: fabric, to })),
  ];
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

function targetOf(
  floating: FloatingIp,
  { addresses, network }: Port,
): readonly { readonly target: string; readonly network: InstanceId }[] {
  const target = targetAmong(addresses, floating);
  return target === undefined ? [] : [{ target, network }];
}
