/** Reading one object (facts 3). */
import { HttpError } from '../errors.ts';
import type { Schema } from '../../schema.ts';
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
  const { fields } = options;
  const href = options.excludeHrefs ? undefined : deps.href;
  const wantsChildren =
    fields === undefined ? !options.excludeChildren : Object.keys(resource.children).some((field) => fields.has(field));
  const wantsBackRefs =
    fields === undefined ? !options.excludeBackRefs : [...fields].some((field) => field.endsWith('_back_refs'));
  const [below, referrers] = await Promise.all([
    wantsChildren ? deps.store.children(object.uuid) : [],
    wantsBackRefs ? deps.store.referrers(object.uuid) : [],
  ]);
  const parentHref = object.parentType && object.parentUuid ? href?.(object.parentType, object.parentUuid) : undefined;
  return {
    ...identity(object),
    name: object.fqName.at(-1),
    ...properties(object, fields),
    id_perms: idPerms(object),
    perms2: object.properties['perms2'],
    ...references(object, fields, href === undefined ? undefined : { href, schema: resource }),
    ...children(below, fields, href),
    ...backReferences(referrers, fields, href),
    ...(href === undefined ? {} : { href: href(object.type, object.uuid) }),
    ...(parentHref === undefined ? {} : { parent_href: parentHref }),
  };
}
