/** What a node is sent of a configuration, as the config API tells. */
import type { ContrailObject, Reference } from '../../../contrail/objects.ts';
import type { StoredObject, StoredRef } from '../../../contrail/server/store/objects.ts';
import { ConfigCache } from '../../../contrail/server/stream/cache.ts';
import { Guidance } from '../../../contrail/server/stream/guidance.ts';
import { NetworkPairs } from '../../../contrail/server/stream/pairs.ts';
import { SpanTracker } from '../../../contrail/server/stream/tracker.ts';

/** The objects of a node's span, in the order of the configuration. */
export function sentTo(
  node: string,
  objects: ReadonlyMap<string, ContrailObject>,
): ReadonlyMap<string, ContrailObject> {
  const cache = new ConfigCache();
  for (const object of objects.values()) cache.put(stored(object));
  const pairs = new NetworkPairs(cache);
  const guidance = new Guidance(cache, pairs);
  guidance.reload();
  const span = new Set(new SpanTracker(node, { cache, pairs, guidance }, 0).all().map(({ uuid }) => uuid));
  return new Map([...objects].filter(([uuid]) => span.has(uuid)));
}

function stored({ type, uuid, fq_name: fqName, parent_uuid: parentUuid, ...fields }: ContrailObject): StoredObject {
  const all = Object.entries(fields);
  return {
    type,
    uuid,
    fqName,
    ...(parentUuid === undefined ? {} : { parentUuid }),
    created: '',
    modified: '',
    rev: '0',
    positions: {},
    properties: Object.fromEntries(all.filter((field) => !isReference(field))),
    refs: Object.fromEntries(
      // Fields of references are lists of references by the schema.
      all.filter(isReference).map(([name, list]) => [name, (list as readonly Reference[]).map(storedRef)]),
    ),
  };
}

function isReference([name]: readonly [string, unknown]): boolean {
  return name.endsWith('_refs');
}

function storedRef({ uuid = '', to, attr = null }: Reference): StoredRef {
  return { uuid, to, attr };
}
