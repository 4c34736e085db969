/** What stands in the kernel, as text that can be compared and journalled. Pure. */

/** Elements of one nftables set or map: key to data; the data of a set's element is empty. */
export type Elements = ReadonlyMap<string, string>;

/** Something that `ip` adds and deletes: a route, a neighbour or a rule. Both lines lack the leading `ip`. */
export interface IpEntry {
  readonly add: string;
  readonly del: string;
  /** The interface it hangs on: when that goes, the kernel drops the entry by itself. */
  readonly device?: string;
}

export interface KernelDocument {
  /** The table's declarations without elements; a change reloads the whole table in one transaction. */
  readonly skeleton: string;
  /** Declarations that join a loaded table: name to `add …` lines. They are never taken away one by one. */
  readonly declarations: ReadonlyMap<string, readonly string[]>;
  readonly sets: ReadonlyMap<string, Elements>;
  /** IPv4 and IPv6 entries by a key that stays the same when only their content changes. */
  readonly entries: { readonly v4: ReadonlyMap<string, IpEntry>; readonly v6: ReadonlyMap<string, IpEntry> };
}

export const EMPTY_DOCUMENT: KernelDocument = {
  skeleton: '',
  declarations: new Map(),
  sets: new Map(),
  entries: { v4: new Map(), v6: new Map() },
};

/** Collects elements by set; a key given twice keeps its first data, so that a duplicate cannot flap. */
export class ElementCollector {
  readonly sets = new Map<string, Map<string, string>>();

  add(set: string, key: string, data = ''): void {
    const elements = this.sets.get(set);
    if (elements === undefined) this.sets.set(set, new Map([[key, data]]));
    else if (!elements.has(key)) elements.set(key, data);
  }
}

/** Elements that are made once for each `source`: whoever compares documents knows the same sets by their identity. */
export function collectOnce<K extends object>(
  collect: (into: ElementCollector, source: K) => void,
): (source: K) => ReadonlyMap<string, Elements> {
  return madeOnce((source) => {
    const into = new ElementCollector();
    collect(into, source);
    return into.sets;
  });
}

/** What is made of each `source`, once: of thousands of services a change makes one anew. */
export function madeOnce<K extends object, V>(make: (source: K) => V): (source: K) => V {
  const made = new WeakMap<K, { readonly value: V }>();
  return (source) => {
    const known = made.get(source) ?? { value: make(source) };
    made.set(source, known);
    return known.value;
  };
}
