/** Places of StatefulSets whose pod is away: its addresses stay in the config database for the pod that comes next. */
import { stickyInterfaces, stickyNames } from '../contrail/desired/sticky.ts';
import type { ContrailObject } from '../contrail/objects.ts';
import { keepsFor, ordinalName } from '../kubernetes/stateful-set.ts';
import type { Deps } from './deps.ts';
import type { Key } from './keys.ts';
import { readStatefulSet } from './lookup.ts';
import type { ClusterView } from './watch.ts';

/** A pod's name that a StatefulSet will give to another pod. */
export interface KeptPlace {
  readonly keptBy: string;
  readonly namespace: string;
  readonly name: string;
}

/** The place of a pod that is gone, or `undefined` once no StatefulSet is to have a pod of that name. */
export async function keptPlace(namespace: string, name: string, deps: Deps): Promise<KeptPlace | undefined> {
  const place = ordinalName(name);
  const set = place === undefined ? undefined : await readStatefulSet(namespace, place.set, deps);
  if (place === undefined || set === undefined || !keepsFor(set, place.ordinal)) return undefined;
  return { keptBy: set.uid, namespace, name };
}

/** The same question to the cache alone, for looks at everything at once. */
export function isKeptByCache({ namespace, name }: Key, { statefulSets }: Pick<ClusterView, 'statefulSets'>): boolean {
  const place = ordinalName(name);
  const set = place === undefined ? undefined : statefulSets.get(`${namespace}/${place.set}`);
  return place !== undefined && set !== undefined && keepsFor(set, place.ordinal);
}

export function isKept(subject: object): subject is KeptPlace {
  return 'keptBy' in subject;
}

/** Addresses under a pod's own name that hang on none of its interfaces; `hanging` are those that do. */
export async function observeKept(
  { namespace, name }: Key,
  hanging: readonly ContrailObject[],
  { contrail, settings }: Deps,
): Promise<readonly ContrailObject[]> {
  // No pod of another name ever has any.
  if (ordinalName(name) === undefined) return [];
  const read = async (interfaces: readonly string[]): Promise<readonly ContrailObject[]> => {
    const fqNames = stickyNames({ namespace, name }, interfaces, settings.names);
    return interfaces.length === 0 ? [] : await contrail.list('instance-ip', { fqNames, detail: true });
  };
  const [first = '', ...known] = stickyInterfaces(hanging);
  const own = await read([first]);
  const further = [...new Set([...known, ...stickyInterfaces(own)])].filter((each) => each !== first);
  const seen = new Set(hanging.map(({ uuid }) => uuid));
  return [...own, ...(await read(further))].filter(({ uuid }) => !seen.has(uuid));
}
