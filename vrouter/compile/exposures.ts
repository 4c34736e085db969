/** What stands for a service outside of the service networks: ports of nodes, addresses that lead to nodes. Pure. */
import { annotationOf } from '../../contrail/objects.ts';
import type { Loadbalancer } from '../../contrail/objects.ts';
import type { BalancerTraffic } from '../../contrail/traffic.ts';
import type { Announcement } from '../model/edges.ts';
import type { Peer } from '../model/networks.ts';
import type { Exposure, HealthPort, Service } from '../model/services.ts';
import type { BackendContext } from './backends.ts';
import { announcementOf, type Entrance, type Externals } from './externals.ts';
import { type Candidate, everywhere, isV6, onlyHere, type Place, sameFamily } from './spread.ts';

export interface ServiceContext extends BackendContext {
  readonly place: Place;
  /** This node, where it has an address, and the others. */
  readonly own: Peer | undefined;
  readonly peers: readonly Peer[];
  readonly externals: Externals;
}

/** One listener with everything that could serve it. */
export interface Frontend {
  readonly protocol: Service['protocol'];
  readonly port: number;
  readonly nodePort?: number;
  readonly affinitySeconds?: number;
  readonly candidates: readonly Candidate[];
}

/** A load balancer as the outside sees it. */
export interface Exposed {
  readonly balancer: Loadbalancer;
  readonly traffic: BalancerTraffic;
  readonly vips: readonly string[];
  /** Its addresses outside the cluster, which a node must answer for. */
  readonly floating: readonly Entrance[];
  readonly frontends: readonly Frontend[];
}

/** The addresses and ports that stand for a load balancer, in the families that it has. */
export function compileExposures(exposed: Exposed, { place, own, peers }: ServiceContext): readonly Exposure[] {
  const { traffic, vips, floating, frontends } = exposed;
  const families = new Set(vips.map(isV6));
  const expose = ({ candidates, protocol, affinitySeconds }: Frontend, address: string, port: number): Exposure => {
    const all = sameFamily(candidates, address);
    const inside = everywhere(all, place);
    const outside = traffic.externalLocal ? onlyHere(all, place) : inside;
    const silent = outside.length === 0 && all.length > 0;
    const sticky = affinitySeconds === undefined ? {} : { affinitySeconds };
    return { protocol, ...sticky, address, port, inside, outside, ...(silent ? { silent } : {}) };
  };
  // Pods reach a port of another node where it leads anyway; a Local one is that node's to answer.
  const nodes = [own, ...(traffic.externalLocal ? [] : peers)].flatMap((node) => node ?? []);
  const machines = [...new Set(nodes.flatMap(({ address, address6 }) => [address, address6 ?? address]))];
  const ranges = traffic.sourceRanges.length === 0 ? {} : { sourceRanges: traffic.sourceRanges };
  const all = frontends.flatMap((frontend) => [
    ...machines.flatMap((address) =>
      frontend.nodePort === undefined ? [] : expose(frontend, address, frontend.nodePort),
    ),
    ...traffic.externalAddresses.map((address) => expose(frontend, address, frontend.port)),
    ...floating.map(({ address, external }) => ({
      ...expose(frontend, address, frontend.port),
      ...ranges,
      ...(external === undefined ? {} : { external: external.id }),
    })),
  ]);
  return all.filter(({ address }) => families.has(isV6(address)));
}

/** Which nodes may answer for the floating addresses: all, or with the policy Local those that have back ends. */
export function compileAnnouncements(
  exposed: Exposed,
  { own, peers, externals }: ServiceContext,
): readonly Announcement[] {
  const { traffic, floating, frontends } = exposed;
  const nodes = [...(own === undefined ? [] : [own]), ...peers];
  const able = traffic.externalLocal ? nodes.filter(({ name }) => hasBackend(frontends, name)) : nodes;
  const addresses = able.map(({ address }) => address).sort();
  return floating.map((entrance) => announcementOf(entrance, addresses, externals));
}

function hasBackend(frontends: readonly Frontend[], node: string): boolean {
  return frontends.some(({ candidates }) => onlyHere(candidates, { node }).length > 0);
}

/** What asks is a load balancer outside that wants to know which nodes have back ends. */
export function compileHealthPorts(exposed: Exposed, { place }: ServiceContext): readonly HealthPort[] {
  const { balancer, traffic, frontends } = exposed;
  if (traffic.healthPort === undefined || !traffic.externalLocal) return [];
  const ready = frontends.flatMap(({ candidates }) => candidates.filter(({ draining }) => !draining));
  const addresses = new Set(onlyHere(ready, place).map(({ address }) => address));
  const [namespace = '', name = ''] = ['namespace', 'name'].map((key) => annotationOf(balancer, key) ?? '');
  return [{ port: traffic.healthPort, namespace, name, localEndpoints: addresses.size }];
}
