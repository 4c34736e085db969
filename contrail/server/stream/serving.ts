/** What stands before a pool: the load balancer that leads to it, and where that is asked. */
import type { ContrailObject } from '../../objects.ts';
import { nodePortOf, trafficOf } from '../../traffic.ts';
import type { StoredObject } from '../store/objects.ts';
import type { CacheView } from './cache.ts';
import { refsOf } from './links.ts';

/** The load balancer of a pool. */
export interface Serving {
  /** The pool, its listener, its load balancer, and the ports of the virtual addresses, also those that are not there. */
  readonly objects: ReadonlySet<string>;
  /** The networks of the virtual addresses. */
  readonly networks: ReadonlySet<string>;
  /** Whether it is reached at nodes, too: by a port of theirs, or an address that leads to them. */
  readonly isExposed: boolean;
}

/** Follows a pool to its load balancer. */
export function servingOf(cache: CacheView, pool: string): Serving {
  const at = (uuids: Iterable<string>): readonly StoredObject[] => [...uuids].flatMap((uuid) => cache.get(uuid) ?? []);
  const pools = at([pool]);
  const ofListeners = targetsOf(pools, 'loadbalancer_listener_refs');
  const listeners = at(ofListeners);
  const ofBalancers = targetsOf(listeners, 'loadbalancer_refs');
  const balancers = at(ofBalancers);
  const ofPorts = targetsOf(balancers, 'virtual_machine_interface_refs');
  const ports = at(ofPorts);
  return {
    objects: new Set([pool, ...ofListeners, ...ofBalancers, ...ofPorts]),
    networks: new Set(ports.flatMap((port) => refsOf(port, 'virtual_network_refs'))),
    isExposed:
      listeners.some((listener) => nodePortOf(annotated(listener)) !== undefined) ||
      balancers.some((balancer) => trafficOf(annotated(balancer)).externalAddresses.length > 0) ||
      ports.some(({ uuid }) => [...cache.linked(uuid, 'floating-ip')].length > 0),
  };
}

function targetsOf(from: readonly StoredObject[], field: string): ReadonlySet<string> {
  return new Set(from.flatMap((object) => refsOf(object, field)));
}

/** As the readers of annotations take it. */
function annotated({ type, uuid, fqName, properties }: StoredObject): ContrailObject {
  return { type, uuid, fq_name: fqName, annotations: properties['annotations'] };
}
