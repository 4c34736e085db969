/**
 * What is kept from one compilation to the next: the index, and what was made of each load balancer, as long as nothing that was read for
 * it has changed: of thousands, an endpoint's change concerns one. An index that notes what it is asked makes the list; the objects
 * themselves say what has changed, since a changed one is another one.
 */
import type { ContrailObject, Reference } from '../../contrail/objects.ts';
import { type ConfigSet, createIndex } from './following-index.ts';
import { type ConfigIndex, LINKED, referencesOf } from './index-config.ts';

/** An index whose answers are noted by the UUIDs that they depend on. */
export interface NotingIndex extends ConfigIndex {
  /** Notes that what is being made depends on more than objects by their UUIDs, and cannot be kept. */
  readonly noteUnknown: () => void;
  /** Answers what an action makes, and the UUIDs that it depends on; `undefined` when these cannot be told. */
  readonly during: <T>(action: () => T) => { readonly value: T; readonly reads: ReadonlySet<string> | undefined };
}

/** An index that answers as `index` does. */
export function notingIndex(index: ConfigIndex): NotingIndex {
  let reads = new Set<string>();
  let isKnown = true;
  const note = (uuid: string): string => {
    reads.add(uuid);
    return uuid;
  };
  return {
    all: index.all,
    get: (type, uuid) => index.get(type, note(uuid)),
    targets: (object, type) => {
      index.uuids(object, type).forEach(note);
      return index.targets(object, type);
    },
    follow: (reference, type) => noted(index.follow(reference, type), note),
    uuids: (object, type) => index.uuids(object, type).map(note),
    referrers: (uuid, type) => noted(index.referrers(note(uuid), type), note),
    members: (pool) => noted(index.members(note(pool)), note),
    noteUnknown: () => {
      isKnown = false;
    },
    during: (action) => {
      reads = new Set();
      isKnown = true;
      const value = action();
      return { value, reads: isKnown ? reads : undefined };
    },
  };
}

/** What all that is made depends on, besides objects. */
interface Surroundings {
  readonly around: string;
  /** UUIDs of objects that are left aside: an object that comes to be among them, or leaves them, has changed. */
  readonly aside: ReadonlySet<string>;
}

/** What was made by key. Not to be shared between nodes. */
export interface Memory<T> {
  /** An index of these objects; it answers by them until the next one is asked for. */
  readonly index: (config: ConfigSet) => ConfigIndex;
  /** Forgets what depends on an object that has changed since the last time, or everything where what is around has. */
  readonly renew: (surroundings: Surroundings) => void;
  /** What was made under a key, or is made now. */
  readonly of: (key: string, index: NotingIndex, make: () => T) => T;
}

/** A memory of nothing. */
export function createMemory<T>(): Memory<T> {
  const made = new Map<string, T>();
  // By the UUID of what was read: the keys. One may have been made again since, without it.
  const readers = new Map<string, Set<string>>();
  const { index, follow } = createIndex();
  const forget = (uuid: string): void => {
    readers.get(uuid)?.forEach((key) => made.delete(key));
    readers.delete(uuid);
  };
  let changed: readonly ContrailObject[] = [];
  let last: Surroundings = { around: '', aside: new Set() };
  return {
    index(config) {
      changed = [...changed, ...follow(config)];
      return index;
    },
    renew(surroundings) {
      const touched = touchedBy(changed);
      if (touched === undefined || surroundings.around !== last.around) [made, readers].forEach((map) => map.clear());
      else [...touched, ...last.aside.symmetricDifference(surroundings.aside)].forEach(forget);
      [changed, last] = [[], surroundings];
    },
    of(key, index, make) {
      const known = made.get(key);
      if (known !== undefined) return known;
      const { value, reads } = index.during(make);
      if (reads === undefined) return value;
      made.set(key, value);
      for (const uuid of [...reads, key]) readers.set(uuid, (readers.get(uuid) ?? new Set()).add(key));
      return value;
    },
  };
}

function noted<T extends ContrailObject>(objects: readonly T[], note: (uuid: string) => unknown): readonly T[] {
  for (const { uuid } of objects) note(uuid);
  return objects;
}

/** UUIDs of objects that changed, and of those that they refer to or belong to; `undefined` where some are only named. */
function touchedBy(changed: readonly ContrailObject[]): ReadonlySet<string> | undefined {
  const touched = changed.flatMap((object) => [object.uuid, ...ends(object)]);
  return touched.includes(undefined) ? undefined : new Set(touched.flatMap((uuid) => uuid ?? []));
}

function ends(object: ContrailObject): readonly (string | undefined)[] {
  const links = LINKED.filter(([type]) => type === object.type).flatMap(([, target]) => referencesOf(object, target));
  const uuids = links.map(({ uuid }: Reference) => uuid);
  return object.type === 'loadbalancer-member' ? [...uuids, object.parent_uuid] : uuids;
}
