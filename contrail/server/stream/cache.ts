/** The whole configuration in memory with its links in both directions; the follower keeps it as the log tells. */
import type { StoredObject } from '../store/objects.ts';

/** A value as a load balancer's member names its pod's port: `annotations` of facts 1.0. */
interface Annotations {
  readonly key_value_pair?: readonly { readonly key: string; readonly value: string }[];
}

/** What replaced what. */
export interface CacheChange {
  readonly uuid: string;
  readonly before: StoredObject | undefined;
  readonly after: StoredObject | undefined;
}

/** Reads of the cache; all of them are look-ups. */
export interface CacheView {
  readonly get: (uuid: string) => StoredObject | undefined;
  readonly all: () => Iterable<StoredObject>;
  readonly ofType: (type: string) => Iterable<StoredObject>;
  readonly byName: (type: string, fqName: string) => string | undefined;
  /** What an object refers to, its parent, and for a load balancer's member the port of its pod. */
  readonly links: (object: StoredObject) => readonly string[];
  /** Objects of a type that link to this one. */
  readonly linked: (uuid: string, type: string) => Iterable<string>;
}

/** Objects by UUID and by name, and for every object who links to it, by type. */
export class ConfigCache implements CacheView {
  readonly #objects = new Map<string, StoredObject>();
  readonly #types = new Map<string, Map<string, StoredObject>>();
  readonly #names = new Map<string, string>();
  readonly #linked = new Map<string, Map<string, Set<string>>>();

  get(uuid: string): StoredObject | undefined {
    return this.#objects.get(uuid);
  }

  get size(): number {
    return this.#objects.size;
  }

  all(): Iterable<StoredObject> {
    return this.#objects.values();
  }

  ofType(type: string): Iterable<StoredObject> {
    return this.#types.get(type)?.values() ?? [];
  }

  byName(type: string, fqName: string): string | undefined {
    return this.#names.get(`${type} ${fqName}`);
  }

  linked(uuid: string, type: string): Iterable<string> {
    return this.#linked.get(uuid)?.get(type) ?? [];
  }

  links(object: StoredObject): readonly string[] {
    return linksOf(object);
  }

  put(object: StoredObject): CacheChange {
    const before = this.#objects.get(object.uuid);
    if (before !== undefined) this.#unlink(before);
    this.#objects.set(object.uuid, object);
    const ofType = this.#types.get(object.type) ?? new Map<string, StoredObject>();
    this.#types.set(object.type, ofType.set(object.uuid, object));
    this.#names.set(`${object.type} ${object.fqName.join(':')}`, object.uuid);
    for (const target of linksOf(object)) this.#entry(target, object.type).add(object.uuid);
    return { uuid: object.uuid, before, after: object };
  }

  delete(uuid: string): CacheChange {
    const before = this.#objects.get(uuid);
    if (before !== undefined) {
      this.#unlink(before);
      this.#objects.delete(uuid);
      this.#types.get(before.type)?.delete(uuid);
      const name = `${before.type} ${before.fqName.join(':')}`;
      if (this.#names.get(name) === uuid) this.#names.delete(name);
    }
    return { uuid, before, after: undefined };
  }

  clear(): void {
    this.#objects.clear();
    this.#types.clear();
    this.#names.clear();
    this.#linked.clear();
  }

  #entry(target: string, type: string): Set<string> {
    const types = this.#linked.get(target) ?? new Map<string, Set<string>>();
    this.#linked.set(target, types);
    const set = types.get(type) ?? new Set<string>();
    types.set(type, set);
    return set;
  }

  #unlink(object: StoredObject): void {
    for (const target of linksOf(object)) {
      const types = this.#linked.get(target);
      const set = types?.get(object.type);
      set?.delete(object.uuid);
      if (set?.size === 0) types?.delete(object.type);
      if (types?.size === 0) this.#linked.delete(target);
    }
  }
}

function linksOf(object: StoredObject): readonly string[] {
  const refs = Object.values(object.refs).flatMap((list) => list.map(({ uuid }) => uuid));
  const parent = object.parentUuid === undefined ? [] : [object.parentUuid];
  return [...refs, ...parent, ...backendPort(object)];
}

/** A member does not refer to its pod's port; it names it in an annotation. */
function backendPort(object: StoredObject): readonly string[] {
  if (object.type !== 'loadbalancer-member') return [];
  const annotations = object.properties['annotations'] as Annotations | undefined;
  return (annotations?.key_value_pair ?? []).flatMap(({ key, value }) => (key === 'vmi' ? [value] : []));
}
