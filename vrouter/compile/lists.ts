/** Config objects by type, and lists of them by keys, which change by what comes and goes. */
import type { ContrailObject } from '../../contrail/objects.ts';

/** What a set of objects loses, and what it gets. */
interface Change {
  readonly gone: readonly ContrailObject[];
  readonly come: readonly ContrailObject[];
}

export interface Types {
  /** All objects of a type, in the order of their UUIDs. */
  readonly of: (type: string) => readonly ContrailObject[];
  readonly change: (change: Change) => void;
}

/** Objects by type; a type's are put in order when somebody asks for them, which few types are. */
export function createTypes(): Types {
  const objects = new Map<string, Map<string, ContrailObject>>();
  const ordered = new Map<string, readonly ContrailObject[]>();
  return {
    of(type) {
      const list = ordered.get(type) ?? [...(objects.get(type)?.values() ?? [])].sort(byUuid);
      ordered.set(type, list);
      return list;
    },
    change({ gone, come }) {
      for (const { type, uuid } of gone) objects.get(type)?.delete(uuid);
      for (const object of come) {
        const ofType = objects.get(object.type) ?? new Map<string, ContrailObject>();
        objects.set(object.type, ofType.set(object.uuid, object));
      }
      for (const { type } of [...gone, ...come]) ordered.delete(type);
    },
  };
}

/** The lists that an object stands in. */
export type KeysOf = (object: ContrailObject) => readonly string[];

interface Lists {
  readonly of: (key: string) => readonly ContrailObject[];
  readonly change: (change: Change, keysOf: KeysOf) => void;
}

/** Lists of objects in the order of their UUIDs. A list that was handed out stays as it is. */
export function createLists(): Lists {
  const lists = new Map<string, readonly ContrailObject[]>();
  return {
    of: (key) => lists.get(key) ?? [],
    change({ gone, come }, keysOf) {
      const [less, more] = [byKey(gone, keysOf), byKey(come, keysOf)];
      for (const key of new Set([...less.keys(), ...more.keys()])) {
        const left = new Set(less.get(key));
        const stay = (lists.get(key) ?? []).filter((object) => !left.has(object));
        const list = [...stay, ...(more.get(key) ?? [])].sort(byUuid);
        if (list.length === 0) lists.delete(key);
        else lists.set(key, list);
      }
    },
  };
}

function byKey(objects: readonly ContrailObject[], keysOf: KeysOf): ReadonlyMap<string, readonly ContrailObject[]> {
  const lists = new Map<string, ContrailObject[]>();
  for (const object of objects) {
    for (const key of keysOf(object)) {
      const list = lists.get(key);
      if (list === undefined) lists.set(key, [object]);
      else list.push(object);
    }
  }
  return lists;
}

function byUuid(a: ContrailObject, b: ContrailObject): number {
  return a.uuid < b.uuid ? -1 : 1;
}
