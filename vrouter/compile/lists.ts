/** Lists of config objects by keys, which change by what comes and goes. */
import type { ContrailObject } from '../../contrail/objects.ts';

/** The lists that an object stands in. */
export type KeysOf = (object: ContrailObject) => readonly string[];

export interface Lists {
  readonly of: (key: string) => readonly ContrailObject[];
  readonly change: (
    objects: { readonly gone: readonly ContrailObject[]; readonly come: readonly ContrailObject[] },
    keysOf: KeysOf,
  ) => void;
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
        const list = merged(stay, more.get(key) ?? []);
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

/** A list in order with others put in; thousands may stay where few come. */
function merged(stay: readonly ContrailObject[], others: readonly ContrailObject[]): readonly ContrailObject[] {
  const come = [...others].sort((a, b) => (a.uuid < b.uuid ? -1 : 1));
  const list: ContrailObject[] = [];
  let next = 0;
  for (const object of stay) {
    for (let first = come[next]; first !== undefined && first.uuid < object.uuid; first = come[next]) {
      list.push(first);
      next += 1;
    }
    list.push(object);
  }
  return [...list, ...come.slice(next)];
}
