/** What members of pools stand behind: the load balancers that lead to them, and where these are asked. */
import type { ContrailObject } from '../../objects.ts';
import { nodePortOf, trafficOf } from '../../traffic.ts';
import type { StoredObject } from '../store/objects.ts';
import type { CacheView } from './cache.ts';
import { refsOf } from './links.ts';

/** The load balancers of some members. */
export interface Serving {
  /** Pools, listeners, load balancers, and the ports of their virtual addresses. */
  readonly objects: ReadonlySet<string>;
  /** The networks of the virtual addresses. */
  readonly networks: ReadonlySet<string>;
  /** Whether one of them is reached at nodes, too: by a port of theirs, or an address that leads to them. */
  readonly isExposed: boolean;
}

/** Follows members to their load balancers. */
export function servingOf(cache: CacheView, members: readonly (StoredObject | undefined)[]): Serving {
  const step = (from: readonly (StoredObject | undefined)[], field: string): readonly StoredObject[] => {
    const uuids = new Set(from.flatMap((object) => refsOf(object, field)));
    return [...uuids].flatMap((uuid) => cache.get(uuid) ?? []);
  };
  const pools = [...new Set(members.flatMap((member) => member?.parentUuid ?? []))].flatMap(
    (uuid) => cache.get(uuid) ?? [],
  );
  const listeners = step(pools, 'loadbalancer_listener_refs');
  const balancers = step(listeners, 'loadbalancer_refs');
  const ports = step(balancers, 'virtual_machine_interface_refs');
  return {
    objects: new Set([...pools, ...listeners, ...balancers, ...ports].map(({ uuid }) => uuid)),
    networks: new Set(ports.flatMap((port) => refsOf(port, 'virtual_network_refs'))),
    isExposed:
      listeners.some((listener) => nodePortOf(annotated(listener)) !== undefined) ||
      balancers.some((balancer) => trafficOf(annotated(balancer)).externalAddresses.length > 0) ||
      ports.some(({ uuid }) => [...cache.linked(uuid, 'floating-ip')].length > 0),
  };
}

/** As the readers of annotations take it. */
function annotated({ type, uuid, fqName, properties }: StoredObject): ContrailObject {
  return { type, uuid, fq_name: fqName, annotations: properties['annotations'] };
}
