/** Load balancers in Contrail with all that hangs on them: what Services and Ingresses have in common. */
import type { ContrailClient } from '../../contrail/client.ts';
import type { ContrailObject, Reference } from '../../contrail/objects.ts';
import type { Observation } from '../deps.ts';
import { type Key, namespaceKey } from '../keys.ts';

/** The load balancers of these UUIDs, with their listeners, pools and members, and the health monitors that these refer to, or that are named. */
export async function observeBalancers(
  uuids: readonly string[],
  contrail: Pick<ContrailClient, 'list'>,
  monitorUuids: readonly string[] = [],
): Promise<readonly ContrailObject[]> {
  const [loadbalancers, listeners] = await Promise.all([
    contrail.list('loadbalancer', { uuids, detail: true }),
    contrail.list('loadbalancer-listener', { backRefId: uuids, detail: true }),
  ]);
  const pools = await listOf('loadbalancer-pool', { backRefId: listeners.map(({ uuid }) => uuid) }, contrail);
  const [members, monitors] = await Promise.all([
    listOf('loadbalancer-member', { parentId: pools.map(({ uuid }) => uuid).join(',') }, contrail),
    listOf(
      'loadbalancer-healthmonitor',
      { uuids: [...new Set([...monitorUuids, ...pools.flatMap(monitorsOf)])] },
      contrail,
    ),
  ]);
  return [...loadbalancers, ...listeners, ...monitors, ...pools, ...members];
}

/** Without a project there is nothing under it either. */
export function withoutProject(key: Key, isWanted: boolean): Observation {
  if (!isWanted) return { kind: 'observed', found: [] };
  return { kind: 'waiting', missing: `the project of namespace ${key.namespace}`, keys: [namespaceKey(key.namespace)] };
}

/**
 * The UIDs at the end of objects' names, by the key that is named before: `keyOf` answers it. A deleted object's UID is gone from
 * Kubernetes, but it ends the names of what stands in Contrail (facts 1.4), and no name in Kubernetes holds an underscore.
 */
export function uidsByKey(
  endings: readonly string[],
  keyOf: (name: string) => string,
): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const ending of endings) {
    const [name = '', uid = ''] = ending.split('__');
    const key = keyOf(name);
    found.set(key, [...(found.get(key) ?? []), uid]);
  }
  return found;
}

/** What follows a prefix in the names of those objects whose names begin with it. */
export function endings(objects: readonly ContrailObject[], prefix: string): readonly string[] {
  const names = objects.map(({ fq_name }) => fq_name.at(-1) ?? '');
  return names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
}

function monitorsOf(pool: ContrailObject): readonly string[] {
  // The schema's field; the server gives UUIDs.
  const refs = (pool['loadbalancer_healthmonitor_refs'] ?? []) as readonly Reference[];
  return refs.flatMap(({ uuid }) => uuid ?? []);
}

async function listOf(
  type: string,
  query: { readonly backRefId?: readonly string[]; readonly uuids?: readonly string[]; readonly parentId?: string },
  contrail: Pick<ContrailClient, 'list'>,
): Promise<readonly ContrailObject[]> {
  // An empty condition would list the whole type.
  if ((query.backRefId ?? query.uuids ?? query.parentId)?.length === 0) return [];
  return await contrail.list(type, { ...query, detail: true });
}
