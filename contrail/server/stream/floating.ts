/**
 * Who reaches pods by floating addresses of networks outside at an interface: nodes, and their pods of networks that may go outside, each by a
 * translation of its own node's (ADR 0021). So every node knows such a pod, and the pod's node whoever may ask. These addresses are few.
 */
import { interfaceOf } from '../../provider.ts';
import type { StoredObject } from '../store/objects.ts';
import type { CacheView } from './cache.ts';
import { isAt, refsOf, some } from './links.ts';

/** Whether all nodes reach a port by such an address. */
export function isFloating(cache: CacheView, port: StoredObject): boolean {
  return (
    some(cache.linked(port.uuid, 'floating-ip'), (uuid) => isAt(cache, uuid, (found) => leadsIn(cache, found))) &&
    refsOf(port, 'virtual_machine_refs').length > 0 &&
    refsOf(port, 'virtual_network_refs').some((uuid) => isAt(cache, uuid, isFlat))
  );
}

/** Whether a network's pods may ask: they go outside, and their addresses are nobody else's. */
export function mayAsk(network: StoredObject | undefined): boolean {
  return isFlat(network) && (network?.properties['fabric_snat'] === true || isForwarded(network));
}

/** Whether an object is a network whose addresses mean the same to all nodes: no others overlap with them, or the underlay routes them. */
export function isFlat(network: StoredObject | undefined): boolean {
  if (network?.type !== 'virtual-network') return false;
  // A string by the schema.
  const mode = network.properties['address_allocation_mode'] as string | undefined;
  return mode?.startsWith('flat-subnet') === true || isForwarded(network);
}

/** Whether a network is one at an interface of nodes. */
export function isAtInterface({ type, properties }: StoredObject): boolean {
  return type === 'virtual-network' && interfaceOf(properties) !== undefined;
}

/** A floating IP is in a pool, and that in its network. */
function leadsIn(cache: CacheView, { properties, fqName }: StoredObject): boolean {
  if (properties['floating_ip_traffic_direction'] === 'egress') return false;
  return isAt(cache, cache.byName('virtual-network', fqName.slice(0, -2).join(':')) ?? '', isAtInterface);
}

function isForwarded(network: StoredObject | undefined): boolean {
  return refsOf(network, 'virtual_network_refs').length > 0;
}
