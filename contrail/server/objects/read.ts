/** Reading one object (facts 3). */
import { HttpError } from '../errors.ts';
import type { ResourceSchema, Schema } from '../../schema.ts';
import type { StoredObject } from '../store/objects.ts';
import type { Store } from '../store/store.ts';
import { backReferences, children, type Href, idPerms, identity, properties, references, type Wire } from './wire.ts';

/** What a read leaves out; the presence of a flag counts, whatever its value. */
export interface ReadOptions {
  readonly fields?: ReadonlySet<string>;
  readonly excludeBackRefs: boolean;
  readonly excludeChildren: boolean;
  readonly excludeHrefs: boolean;
}

/** Reads the options from a query. */
export function readOptions(query: URLSearchParams): ReadOptions {
  const fields = query.get('fields');
  return {
    ...(fields ? { fields: new Set(fields.split(',')) } : {}),
    excludeBackRefs: query.has('exclude_back_refs'),
    excludeChildren: query.has('exclude_children'),
    excludeHrefs: query.has('exclude_hrefs'),
  };
}

/** The object of this type and UUID; throws 404 with the real server's two texts. */
export async function requireObject(store: Pick<Store, 'read'>, type: string, uuid: string): Promise<StoredObject> {
  const object = await store.read(uuid);
  if (object === undefined) throw new HttpError(404, `Unknown id: ${uuid}`);
  if (object.type !== type) throw new HttpError(404, `No ${type} object found for id ${uuid}`);
  return object;
}

/** The whole answer for one object. */
export async function readObject(
  deps: { readonly store: Store; readonly schema: Schema; readonly href: Href },
  object: StoredObject,
  options: ReadOptions,
): Promise<Wire> {
  const resource = deps.schema.resource(object.type);
  if (resource === undefined) throw new HttpError(404, `Resource type '${object.type}' not found`);
  const href = options.excludeHrefs ? undefined : deps.href;
  const related = await relatedOf(deps.store, object, wanted(resource, options));
  return {
    ...identity(object),
    name: object.fqName.at(-1),
    ...properties(object, options.fields),
    id_perms: idPerms(object),
    perms2: object.properties['perms2'],
    ...references(object, options.fields, href === undefined ? undefined : { href, schema: resource }),
    ...children(related.children, options.fields, href),
    ...backReferences(related.referrers, options.fields, href),
    ...(href === undefined ? {} : hrefsOf(object, href)),
  };
}

interface Wanted {
  readonly children: boolean;
  readonly referrers: boolean;
}

/** What must be looked up besides the object itself. */
function wanted(resource: ResourceSchema, { fields, excludeChildren, excludeBackRefs }: ReadOptions): Wanted {
  if (fields === undefined) return { children: !excludeChildren, referrers: !excludeBackRefs };
  return {
    children: Object.keys(resource.children).some((field) => fields.has(field)),
    referrers: [...fields].some((field) => field.endsWith('_back_refs')),
  };
}

async function relatedOf(store: Store, { uuid }: StoredObject, want: Wanted) {
  const [below, referrers] = await Promise.all([
    want.children ? store.children(uuid) : [],
    want.referrers ? store.referrers(uuid) : [],
  ]);
  return { children: below, referrers };
}

function hrefsOf({ type, uuid, parentType, parentUuid }: StoredObject, href: Href): Wire {
  const parent =
    parentType === undefined || parentUuid === undefined ? {} : { parent_href: href(parentType, parentUuid) };
  return { href: href(type, uuid), ...parent };
}
