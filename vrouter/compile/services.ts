/**
 * Services from load balancer objects (facts 5.1): what a virtual address stands for on this node, what stands for it
 * besides (ports of the nodes, addresses that lead to them), and what a health check is told. Pure.
 */
import type { FloatingIp, Loadbalancer, LoadbalancerListener } from '../../contrail/objects.ts';
import { affinityOf, isDraining, nodePortOf, placementOf, trafficOf, transportOf } from '../../contrail/traffic.ts';
import type { Announcement } from '../model/edges.ts';
import type { InstanceId, Network, Passage } from '../model/networks.ts';
import type { Backend, Exposure, HealthPort, Service } from '../model/services.ts';
import { type BackendContext, type BackendRule, backendRule } from './backends.ts';
import { addressesOf } from './endpoints.ts';
import {
  compileAnnouncements,
  compileExposures,
  compileHealthPorts,
  type Exposed,
  type Frontend,
  type ServiceContext,
} from './exposures.ts';
import type { Entrance, Externals } from './externals.ts';
import type { ConfigIndex } from './index-config.ts';
import { type Memory, type NotingIndex, notingIndex } from './memory.ts';
import { type Candidate, everywhere, onlyHere, sameFamily } from './spread.ts';

/** What load balancers come to on a node. */
export interface Balanced {
  readonly services: readonly Service[];
  readonly exposures: readonly Exposure[];
  readonly healthPorts: readonly HealthPort[];
  readonly announcements: readonly Announcement[];
}

const PROTOCOLS: Readonly<Record<string, Service['protocol']>> = {
  TCP: 'tcp',
  HTTP: 'tcp',
  HTTPS: 'tcp',
  TERMINATED_HTTPS: 'tcp',
  UDP: 'udp',
  SCTP: 'sctp',
};

/**
 * Every listener of every load balancer whose virtual address's network is known, in a stable order, but for what
 * `memory` has already; whoever gives it has renewed it.
 */
export function compileServices(config: ConfigIndex, context: ServiceContext, memory: Memory<Balanced>): Balanced {
  const index = notingIndex(config);
  const compiled = balancerRule(index, context);
  const all = config.all('loadbalancer').map((balancer) => memory.of(balancer.uuid, index, () => compiled(balancer)));
  return {
    services: all.flatMap(({ services }) => services),
    exposures: all.flatMap(({ exposures }) => exposures),
    healthPorts: all.flatMap(({ healthPorts }) => healthPorts),
    announcements: all.flatMap(({ announcements }) => announcements),
  };
}

const NOTHING: Balanced = { services: [], exposures: [], healthPorts: [], announcements: [] };

function balancerRule(index: NotingIndex, context: ServiceContext): (balancer: Loadbalancer) => Balanced {
  const byUuid = new Map(context.networks.map((network) => [network.uuid, network]));
  const admit = backendRule(index, context);
  return (balancer) => {
    const vmi = index.targets(balancer, 'virtual-machine-interface')[0];
    const network = vmi && byUuid.get(index.targets(vmi, 'virtual-network')[0]?.uuid ?? '');
    if (vmi === undefined || network === undefined || network.overlapping) return NOTHING;
    const floating = index.referrers(vmi.uuid, 'floating-ip').flatMap((each) => entranceOf(each, context.externals));
    const vips = [...new Set([...addressesOf(index, vmi.uuid), ...vipOf(balancer)])];
    const frontends = frontendsOf(index, { balancer, network, admit });
    return balanced({ balancer, network, vips, floating, frontends }, context);
  };
}

function entranceOf(floating: FloatingIp, externals: Externals): readonly Entrance[] {
  const address = floating.floating_ip_address;
  return address === undefined ? [] : [{ address, external: externals.of(floating) }];
}

/** Source network to back end's network, for every source that may reach a virtual address's network. */
export function compileServicePassages(
  { services, exposures }: Balanced,
  { passages, fabric }: Pick<BackendContext, 'passages' | 'fabric'>,
): readonly Passage[] {
  const found = new Map<string, Passage>();
  const backendNetworks = new Map<InstanceId, Set<InstanceId>>();
  const note = (network: InstanceId, backends: readonly Backend[]): void => {
    const known = backendNetworks.get(network) ?? new Set();
    for (const backend of backends) known.add(backend.network);
    backendNetworks.set(network, known);
  };
  for (const { network, backends } of services) note(network, backends);
  // What is exposed on nodes may be reached by whoever reaches nodes.
  for (const { inside, outside } of exposures) note(fabric, [...inside, ...outside]);
  for (const { from, to } of passages) {
    for (const backend of backendNetworks.get(to) ?? []) found.set(`${from} ${backend}`, { from, to: backend });
  }
  return [...found.values()].sort((a, b) => a.from - b.from || a.to - b.to);
}

function frontendsOf(
  config: ConfigIndex,
  of: { readonly balancer: Loadbalancer; readonly network: Network; readonly admit: BackendRule },
): readonly Frontend[] {
  return config.referrers(of.balancer.uuid, 'loadbalancer-listener').flatMap((listener) => {
    const protocol = PROTOCOLS[transportOf(listener) ?? listener.loadbalancer_listener_properties?.protocol ?? ''];
    const port = listener.loadbalancer_listener_properties?.protocol_port;
    if (protocol === undefined || port === undefined) return [];
    const pools = config.referrers(listener.uuid, 'loadbalancer-pool');
    const affinitySeconds = pools.map(affinityOf).find((seconds) => seconds !== undefined);
    const nodePort = nodePortOf(listener);
    return [
      {
        protocol,
        port,
        ...(nodePort === undefined ? {} : { nodePort }),
        ...(affinitySeconds === undefined ? {} : { affinitySeconds }),
        candidates: candidatesOf(config, listener, of),
      },
    ];
  });
}

function candidatesOf(
  config: ConfigIndex,
  listener: LoadbalancerListener,
  {
    balancer,
    network,
    admit,
  }: { readonly balancer: Loadbalancer; readonly network: Network; readonly admit: BackendRule },
): readonly Candidate[] {
  return config
    .referrers(listener.uuid, 'loadbalancer-pool')
    .flatMap((pool) => config.members(pool.uuid))
    .filter((member) => isDraining(member) || member.loadbalancer_member_properties?.admin_state !== false)
    .flatMap((member) =>
      admit(member, balancer, network.id).map((backend) => ({
        backend,
        placement: placementOf(member),
        draining: isDraining(member),
      })),
    );
}

interface Subject extends Omit<Exposed, 'traffic'> {
  readonly network: Network;
}

function balanced({ network, ...subject }: Subject, context: ServiceContext): Balanced {
  const { vips, frontends } = subject;
  const traffic = trafficOf(subject.balancer);
  const { place } = context;
  const services = frontends.flatMap(({ candidates, ...frontend }) =>
    vips.map((vip) => {
      const all = sameFamily(candidates, vip);
      const backends = traffic.internalLocal ? onlyHere(all, place) : everywhere(all, place);
      const silent = backends.length === 0 && all.length > 0;
      return { vip, network: network.id, ...withoutNodePort(frontend), backends, ...(silent ? { silent } : {}) };
    }),
  );
  const exposed: Exposed = { ...subject, traffic };
  return {
    services,
    exposures: compileExposures(exposed, context),
    healthPorts: compileHealthPorts(exposed, context),
    announcements: compileAnnouncements(exposed, context),
  };
}

function withoutNodePort({ protocol, port, affinitySeconds }: Omit<Frontend, 'candidates'>) {
  return { protocol, port, ...(affinitySeconds === undefined ? {} : { affinitySeconds }) };
}

function vipOf(balancer: Loadbalancer): readonly string[] {
  const address = balancer.loadbalancer_properties?.vip_address;
  return address === undefined || address === '' ? [] : [address];
}
