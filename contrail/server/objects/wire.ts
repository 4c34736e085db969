/** Stored objects as the API writes them. Pure. */
import type { ResourceSchema } from '../../schema.ts';
import { underscored } from '../../schema.ts';
import type { StoredObject } from '../store/objects.ts';
import type { Child, Related } from '../store/store.ts';

export type Wire = Record<string, unknown>;

/** Makes the URL of an object from the request's own scheme and host. */
export type Href = (type: string, uuid: string) => string;

/** TypeScript does not know it yet: a number printed with all its digits (Node 22 and later). */
const rawJson = (JSON as unknown as { rawJSON: (text: string) => unknown }).rawJSON;

/** The name and place of an object, as every answer holds them. */
export function identity(object: StoredObject): Wire {
  return {
    fq_name: object.fqName,
    uuid: object.uuid,
    ...(object.parentType === undefined ? {} : { parent_type: object.parentType }),
    ...(object.parentUuid === undefined ? {} : { parent_uuid: object.parentUuid }),
  };
}

/** Properties, `id_perms` completed; only those in `only` and the two permissions where that is given. */
export function properties(object: StoredObject, only?: ReadonlySet<string>): Wire {
  const wire: Wire = {};
  for (const [name, value] of Object.entries(object.properties)) {
    if (only === undefined || only.has(name)) wire[name] = value;
  }
  return wire;
}

/** `id_perms` with UUID halves and times. */
export function idPerms(object: StoredObject): Wire {
  const hex = object.uuid.replaceAll('-', '');
  return {
    ...(object.properties['id_perms'] as Wire | undefined),
    uuid: { uuid_mslong: rawJson(decimal(hex.slice(0, 16))), uuid_lslong: rawJson(decimal(hex.slice(16))) },
    created: object.created,
    last_modified: object.modified,
  };
}

/** References by field. `href` adds URLs to each. */
export function references(
  object: StoredObject,
  only?: ReadonlySet<string>,
  link?: { href: Href; schema: ResourceSchema },
): Wire {
  const wire: Wire = {};
  for (const [field, refs] of Object.entries(object.refs)) {
    if (only !== undefined && !only.has(field)) continue;
    const type = link?.schema.refs[field]?.type ?? '';
    wire[field] = refs.map(({ to, attr, uuid }) => ({
      to,
      attr,
      uuid,
      ...(link === undefined ? {} : { href: link.href(type, uuid) }),
    }));
  }
  return wire;
}

/** Children by field, oldest first. */
export function children(list: readonly Child[], only?: ReadonlySet<string>, href?: Href): Wire {
  const wire: Record<string, Wire[]> = {};
  for (const { type, to, uuid } of list) {
    const field = `${underscored(type)}s`;
    if (only === undefined || only.has(field))
      (wire[field] ??= []).push({ to, uuid, ...(href === undefined ? {} : { href: href(type, uuid) }) });
  }
  return wire;
}

/** Back references by field. */
export function backReferences(list: readonly Related[], only?: ReadonlySet<string>, href?: Href): Wire {
  const wire: Record<string, Wire[]> = {};
  for (const { type, to, attr, uuid } of [...list].sort((a, b) => (a.uuid < b.uuid ? -1 : 1))) {
    const field = `${underscored(type)}_back_refs`;
    if (only === undefined || only.has(field))
      (wire[field] ??= []).push({ to, attr, uuid, ...(href === undefined ? {} : { href: href(type, uuid) }) });
  }
  return wire;
}

/** The whole object without URLs, children and back references: what the change stream sends. */
export function plainObject(object: StoredObject): Wire {
  return {
    type: object.type,
    ...identity(object),
    name: object.fqName.at(-1),
    ...properties(object),
    id_perms: idPerms(object),
    ...references(object),
  };
}

function decimal(hex: string): string {
  return BigInt(`0x${hex}`).toString();
}
