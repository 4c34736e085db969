/** The steps of a plan, from objects as they are to be and as they were read. Pure. */
import type { FqName } from '../../objects.ts';
import type { ResourceSchema } from '../../schema.ts';
import { identityFields, propertyFields, type StoredObject, type StoredRef } from './objects.ts';
import type { CreateStep, Plan, RefAddition, RefRemoval, UpdateStep } from './plan.ts';

/** A new object with everything decided but what the script draws. */
export interface NewStoredObject {
  readonly uuid: string;
  readonly type: string;
  readonly fqName: FqName;
  readonly parentType?: string;
  readonly parentUuid?: string;
  readonly properties: Readonly<Record<string, unknown>>;
  readonly refs: Readonly<Record<string, readonly StoredRef[]>>;
}

/** Changes of one object. A property given as `undefined` is removed; reference lists replace the old ones. */
export interface ObjectChange {
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly refs?: Readonly<Record<string, readonly StoredRef[]>>;
}

/** `now` is the time of the change: UTC, microseconds, no zone. */
export function createStep(schema: ResourceSchema, object: NewStoredObject, now: string): CreateStep {
  const fields: Record<string, string> = identityFields(object);
  for (const [name, value] of Object.entries(object.properties)) {
    if (value !== undefined) Object.assign(fields, propertyFields(schema, name, value));
  }
  return {
    uuid: object.uuid,
    type: object.type,
    fqText: object.fqName.join(':'),
    parent: object.parentUuid ?? '',
    childEntry: JSON.stringify({
      type: object.type,
      to: object.fqName,
      at: now,
      ...(isHidden(object.properties) ? { hidden: true } : {}),
    }),
    fields,
    refs: Object.entries(object.refs).flatMap(([field, refs]) =>
      refs.map((ref) => additionOf(schema, object, field, ref)),
    ),
  };
}

/** Whether an object is in no list, which no update changes (`changedIdPerms`). */
export function isHidden(properties: Readonly<Record<string, unknown>>): boolean {
  const perms = properties['id_perms'] as { readonly user_visible?: unknown } | undefined;
  return perms?.user_visible === false;
}

/** Replaces whole fields of an object as it was read. */
export function updateStep(schema: ResourceSchema, object: StoredObject, change: ObjectChange): UpdateStep {
  const set: Record<string, string> = {};
  const remove: string[] = [];
  for (const [name, value] of Object.entries(change.properties ?? {})) {
    remove.push(...(object.properties[name] === undefined ? [] : Object.keys(propertyFieldsOf(schema, object, name))));
    if (value !== undefined) Object.assign(set, propertyFields(schema, name, value));
  }
  const refs = Object.entries(change.refs ?? {}).flatMap(([field, wanted]) =>
    replaceRefs(schema, object, field, wanted),
  );
  return { uuid: object.uuid, type: object.type, set, remove, refs };
}

/** `known` are the children and referrers that do not stand in the way. */
export function deleteStep(
  schema: ResourceSchema,
  object: StoredObject,
  known: readonly string[],
): Plan['deletes'][number] {
  const refs = Object.entries(object.refs).flatMap(([field, list]) =>
    list.map((ref) => removalOf(schema, object, field, ref.uuid)),
  );
  const parent = object.parentUuid ?? '';
  return { uuid: object.uuid, type: object.type, fqText: object.fqName.join(':'), parent, refs, known };
}

type Identity = Pick<StoredObject, 'uuid' | 'type' | 'fqName'>;

function targetType(schema: ResourceSchema, field: string): string {
  return schema.refs[field]?.type ?? '';
}

/** A reference that is added, with its attribute. */
export function additionOf(schema: ResourceSchema, object: Identity, field: string, ref: StoredRef): RefAddition {
  const type = targetType(schema, field);
  return {
    op: 'add',
    field,
    target: ref.uuid,
    value: JSON.stringify({ type, to: ref.to, attr: ref.attr ?? null }),
    back: JSON.stringify({ type: object.type, to: object.fqName, attr: ref.attr ?? null }),
    symmetric: type === object.type,
  };
}

/** A reference that is taken away. */
export function removalOf(schema: ResourceSchema, object: Identity, field: string, target: string): RefRemoval {
  return { op: 'remove', field, target, symmetric: targetType(schema, field) === object.type };
}

/** Removals first, then every wanted reference anew: an attribute may have changed. */
function replaceRefs(schema: ResourceSchema, object: StoredObject, field: string, wanted: readonly StoredRef[]) {
  const targets = new Set(wanted.map(({ uuid }) => uuid));
  const lost = (object.refs[field] ?? []).filter(({ uuid }) => !targets.has(uuid));
  return [
    ...lost.map(({ uuid }) => removalOf(schema, object, field, uuid)),
    ...wanted.map((ref) => additionOf(schema, object, field, ref)),
  ];
}

/** The hash fields that hold a property now. List items added one by one have positions of their own (facts 6). */
function propertyFieldsOf(schema: ResourceSchema, object: StoredObject, name: string): Record<string, string> {
  if (object.properties[name] === null) return { [`p:${name}`]: '' };
  const positions = object.positions?.[name];
  if (positions !== undefined) return Object.fromEntries(positions.map((position) => [`i:${name}:${position}`, '']));
  return propertyFields(schema, name, object.properties[name]);
}
