/** An object as the store keeps it: a hash whose fields hold JSON, one field per property, reference or item. */
import type { FqName } from '../../objects.ts';
import type { ResourceSchema } from '../../schema.ts';
import type { StoredLink } from './plan.ts';

/** One reference of an object. */
export interface StoredRef {
  readonly uuid: string;
  readonly to: FqName;
  readonly attr: unknown;
}

/** An object read from the store. Properties are in wire form; empty references and collections are absent. */
export interface StoredObject {
  readonly uuid: string;
  readonly type: string;
  readonly fqName: FqName;
  readonly parentType?: string;
  readonly parentUuid?: string;
  readonly created: string;
  readonly modified: string;
  /** Revision of its last change, as text: what a plan expects. */
  readonly rev: string;
  readonly properties: Readonly<Record<string, unknown>>;
  readonly refs: Readonly<Record<string, readonly StoredRef[]>>;
  /** Positions of the items of list properties, by property. */
  readonly positions: Readonly<Record<string, readonly string[]>>;
}

/** One item of a list or map property with its position (a map item's key). */
export interface CollectionItem {
  readonly position: string;
  readonly value: unknown;
}

/** Fields of a new object's hash besides those of properties and references. */
export function identityFields(object: {
  readonly uuid: string;
  readonly type: string;
  readonly fqName: FqName;
  readonly parentType?: string;
  readonly parentUuid?: string;
}): Record<string, string> {
  return {
    uuid: object.uuid,
    type: object.type,
    fq: JSON.stringify(object.fqName),
    ...(object.parentType === undefined ? {} : { pt: object.parentType }),
    ...(object.parentUuid === undefined ? {} : { pu: object.parentUuid }),
  };
}

/** The hash fields of one property: `p:<name>`, or for each item of a collection `i:<name>:<position>`. */
export function propertyFields(schema: ResourceSchema, name: string, value: unknown): Record<string, string> {
  const property = schema.properties[name];
  if (property?.collection === undefined || value === null) return { [`p:${name}`]: JSON.stringify(value) };
  const items = collectionItems(value, property.wrapperField ?? '');
  return Object.fromEntries(
    items.map((item, index) => [
      `i:${name}:${property.collection === 'map' ? keyOf(item, property.mapKey ?? '') : String(index)}`,
      JSON.stringify(item),
    ]),
  );
}

/** Reads a hash; `undefined` where it is empty. */
export function parseObject(
  hash: Readonly<Record<string, string>>,
  schema: (type: string) => ResourceSchema | undefined,
): StoredObject | undefined {
  const { uuid, type, fq, pt, pu, created = '', modified = '', rev = '' } = hash;
  if (uuid === undefined || type === undefined || fq === undefined) return undefined;
  const parent = { ...(pt === undefined ? {} : { parentType: pt }), ...(pu === undefined ? {} : { parentUuid: pu }) };
  // `fq` is the JSON of a list of strings, written by this server.
  return {
    uuid,
    type,
    fqName: JSON.parse(fq) as FqName,
    ...parent,
    created,
    modified,
    rev,
    ...parseFields(hash, schema(type)),
  };
}

function parseFields(hash: Readonly<Record<string, string>>, schema: ResourceSchema | undefined) {
  const properties: Record<string, unknown> = {};
  const refs: Record<string, StoredRef[]> = {};
  const items: Record<string, CollectionItem[]> = {};
  for (const [field, text] of Object.entries(hash)) {
    const [name, rest] = splitField(field);
    switch (field.slice(0, 2)) {
      case 'p:':
        properties[field.slice(2)] = JSON.parse(text) as unknown;
        break;
      case 'r:':
        (refs[name] ??= []).push(parseRef(rest, text));
        break;
      case 'i:':
        (items[name] ??= []).push({ position: rest, value: JSON.parse(text) as unknown });
        break;
      default:
      // Identity and times.
    }
  }
  for (const list of Object.values(refs)) list.sort(byUuid);
  return { properties: { ...properties, ...wrappedItems(items, schema) }, refs, positions: positionsOf(items) };
}

function parseRef(uuid: string, text: string): StoredRef {
  // Written by this server as a StoredLink.
  const { to, attr } = JSON.parse(text) as StoredLink;
  return { uuid, to, attr };
}

type Items = Readonly<Record<string, readonly CollectionItem[]>>;

function wrappedItems(items: Items, schema: ResourceSchema | undefined): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(items).map(([name, list]) => {
      const values = sortItems(list).map(({ value }) => value);
      return [name, { [schema?.properties[name]?.wrapperField ?? 'items']: values }];
    }),
  );
}

function positionsOf(items: Items): Record<string, readonly string[]> {
  return Object.fromEntries(
    Object.entries(items).map(([name, list]) => [name, sortItems(list).map(({ position }) => position)]),
  );
}

/** Items in the order in which they are read: by position, as strings (facts 6). */
export function sortItems(items: readonly CollectionItem[]): CollectionItem[] {
  return [...items].sort((a, b) => (a.position < b.position ? -1 : 1));
}

/** The items inside a collection property's wrapper. */
function collectionItems(value: unknown, wrapperField: string): readonly unknown[] {
  const inner = (value as Record<string, unknown> | null)?.[wrapperField];
  return Array.isArray(inner) ? inner : [];
}

/** The key of a map item, as text. */
export function keyOf(item: unknown, mapKey: string): string {
  return String((item as Record<string, unknown> | null)?.[mapKey]);
}

/** `r:<name>:<rest>` → name and rest; neither names nor UUIDs hold a colon, positions may. */
export function splitField(field: string): [string, string] {
  const colon = field.indexOf(':', 2);
  return [field.slice(2, colon), field.slice(colon + 1)];
}

function byUuid(a: StoredRef, b: StoredRef): number {
  return a.uuid < b.uuid ? -1 : 1;
}
