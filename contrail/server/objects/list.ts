/** Listing objects of a type: which, in which order, and how much of each (facts 3). */
import type { FqName } from '../../objects.ts';
import type { ResourceSchema, Schema } from '../../schema.ts';
import { HttpError } from '../errors.ts';
import { str } from '../python.ts';
import type { StoredObject } from '../store/objects.ts';
import { isHidden } from '../store/steps.ts';
import type { Store } from '../store/store.ts';
import { type Filters, parseFilters, passes } from './filters.ts';
import { backReferences, children, type Href, idPerms, identity, properties, references, type Wire } from './wire.ts';

/** A list request, from a query or from the body of `/list-bulk-collection`. */
export interface ListRequest {
  readonly parentIds?: readonly string[];
  readonly parentFqName?: FqName;
  readonly parentType?: string;
  readonly backRefIds?: readonly string[];
  readonly uuids?: readonly string[];
  readonly fqNames?: readonly string[];
  readonly fields?: ReadonlySet<string>;
  readonly filters?: Filters;
  readonly detail: boolean;
  readonly count: boolean;
  readonly excludeHrefs: boolean;
  readonly page?: { readonly marker: string | undefined; readonly limit: number };
}

export interface ListDeps {
  readonly store: Store;
  readonly schema: Schema;
  readonly href: Href;
}

const DEFAULT_PAGE = 256;
const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;

/** Reads a request from named parameters; values are texts, or booleans in a bulk request. */
export function listRequest(get: (name: string) => unknown): ListRequest {
  const list = (name: string): readonly string[] | undefined => {
    const value = get(name);
    if (Array.isArray(value)) return value.map(String);
    return typeof value === 'string' && value !== '' ? value.split(',') : undefined;
  };
  const isTrue = (name: string): boolean =>
    str(get(name) ?? '')
      .toLowerCase()
      .includes('true');
  const fields = list('fields');
  const parent = get('parent_fq_name_str');
  const filters = get('filters');
  const parentType = get('parent_type');
  const lists = {
    parentIds: list('parent_id'),
    backRefIds: list('back_ref_id'),
    uuids: list('obj_uuids'),
    fqNames: list('fq_names'),
  };
  return {
    // Only lists that were given are present.
    ...(Object.fromEntries(Object.entries(lists).filter(([, value]) => value !== undefined)) as Partial<ListRequest>),
    ...(typeof parent === 'string' ? { parentFqName: parent.split(':') } : {}),
    ...(typeof parentType === 'string' ? { parentType } : {}),
    ...(fields === undefined ? {} : { fields: new Set(fields) }),
    ...(typeof filters === 'string' && filters !== '' ? { filters: parseFilters(filters) } : {}),
    detail: isTrue('detail'),
    count: isTrue('count'),
    excludeHrefs: get('exclude_hrefs') !== undefined && get('exclude_hrefs') !== false,
    ...pageOf(get),
  };
}

/** The answer to a list request. */
export async function listObjects(deps: ListDeps, resource: ResourceSchema, request: ListRequest): Promise<Wire> {
  const collection = `${resource.type}s`;
  if (asksNamesBelow(request)) return { [collection]: await namesBelow(deps, resource, request) };
  const anchored = isAnchored(request);
  const uuids = await selectUuids(deps, resource, request);
  if (request.count && request.filters === undefined) return { [collection]: { count: uuids.length } };
  const filtered = request.filters === undefined ? uuids : await filterUuids(deps, uuids, request.filters, resource);
  if (request.count) return { [collection]: { count: filtered.length } };
  const page =
    request.page === undefined ? { uuids: filtered } : await pageFrom(deps, filtered, request.page, anchored);
  const items = await itemsOf(deps, resource, page.uuids, request);
  return { [collection]: items, ...('marker' in page ? { marker: page.marker } : {}) };
}

/** Whether only the names of parents' children are asked for. */
function asksNamesBelow(request: ListRequest): boolean {
  const { parentIds, parentFqName, backRefIds, uuids, fqNames, fields, filters, detail, count, page } = request;
  const isNarrowed = [backRefIds, uuids, fqNames, fields, filters, page].some((each) => each !== undefined);
  return (parentIds ?? parentFqName) !== undefined && !isNarrowed && !detail && !count;
}

/** As the parents have them, so that no child is read: a project may have thousands. */
async function namesBelow(deps: ListDeps, resource: ResourceSchema, request: ListRequest): Promise<Wire[]> {
  const parents = (await parentsOf(deps, resource, request)) ?? [];
  return (await deps.store.childrenOf(parents))
    .flat()
    .filter(({ type, hidden }) => type === resource.type && hidden !== true)
    .map(({ uuid, to }) => ({
      uuid,
      fq_name: to,
      ...(request.excludeHrefs ? {} : { href: deps.href(resource.type, uuid) }),
    }));
}

function isAnchored({ parentIds, parentFqName, backRefIds, uuids, fqNames }: ListRequest): boolean {
  return [parentIds, parentFqName, backRefIds, uuids, fqNames].some((anchor) => anchor !== undefined);
}

/** UUIDs by anchor, each anchor narrowing the others; all of the type, sorted by name, without one. */
async function selectUuids(deps: ListDeps, resource: ResourceSchema, request: ListRequest): Promise<readonly string[]> {
  const { store } = deps;
  const anchors: (readonly string[])[] = [];
  const parents = await parentsOf(deps, resource, request);
  if (parents !== undefined) {
    const lists = await store.childrenOf(parents);
    anchors.push(lists.flat().flatMap((child) => (child.type === resource.type ? [child.uuid] : [])));
  }
  if (request.backRefIds !== undefined) {
    const lists = await store.referrersOf(request.backRefIds);
    anchors.push([
      ...new Set(lists.flat().flatMap((related) => (related.type === resource.type ? [related.uuid] : []))),
    ]);
  }
  if (request.uuids !== undefined || request.fqNames !== undefined)
    anchors.push(await namedUuids(store, resource.type, request));
  const [first, ...others] = anchors;
  if (first === undefined) return allUuids(await store.names(resource.type));
  const sets = others.map((list) => new Set(list));
  return first.filter((uuid) => sets.every((set) => set.has(uuid)));
}

function allUuids(names: Readonly<Record<string, string>>): string[] {
  return Object.entries(names)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, uuid]) => uuid);
}

async function namedUuids(store: Store, type: string, { uuids, fqNames }: ListRequest): Promise<readonly string[]> {
  const byName =
    fqNames === undefined ? undefined : (await store.uuidsOf(type, fqNames)).filter((uuid) => uuid !== null);
  if (uuids === undefined) return byName ?? [];
  const present = (await store.readAll(uuids)).filter((object) => object.type === type).map(({ uuid }) => uuid);
  return byName === undefined ? present : present.filter((uuid) => byName.includes(uuid));
}

async function parentsOf(
  { store, schema }: ListDeps,
  resource: ResourceSchema,
  request: ListRequest,
): Promise<readonly string[] | undefined> {
  if (request.parentIds !== undefined) return request.parentIds;
  const { parentFqName, parentType } = request;
  if (parentFqName === undefined) return undefined;
  const named = parentType === undefined ? undefined : schema.resource(parentType)?.type;
  const types = named === undefined ? resource.parents.map(({ type }) => type) : [named];
  const found = await Promise.all(types.map((type) => store.uuidOf(type, parentFqName)));
  return found.filter((uuid) => uuid !== undefined);
}

async function filterUuids({ store }: ListDeps, uuids: readonly string[], filters: Filters, resource: ResourceSchema) {
  return (await store.readAll(uuids)).filter((object) => passes(object, filters, resource)).map(({ uuid }) => uuid);
}

function pageOf(get: (name: string) => unknown): Pick<ListRequest, 'page'> {
  const marker = get('page_marker');
  if (marker === undefined || marker === null) return {};
  const limit = get('page_limit') ?? DEFAULT_PAGE;
  const number = Number(limit);
  if (!Number.isInteger(number)) throw new HttpError(400, `Invalid page_limit ${str(limit)}: invalid literal`);
  if (number <= 0) throw new HttpError(400, `Invalid page_limit ${str(limit)}: page_limit has to be greater than zero`);
  const text = str(marker);
  if (text === 'None') return { page: { marker: undefined, limit: number } };
  const uuid = text.split(':').at(-1) ?? '';
  if (!UUID.test(uuid)) throw new HttpError(400, `Invalid page_marker ${text}: badly formed hexadecimal UUID string`);
  return { page: { marker: text, limit: number } };
}

/** Pages go by UUID in an anchored list, by name and UUID in one of the whole type; the marker is the last item's. */
async function pageFrom(
  { store }: ListDeps,
  uuids: readonly string[],
  page: { marker: string | undefined; limit: number },
  anchored: boolean,
) {
  const keys = anchored ? uuids : (await store.readAll(uuids)).map(({ fqName, uuid }) => `${fqName.join(':')}:${uuid}`);
  const sorted = [...keys].sort();
  const start = page.marker === undefined ? 0 : sorted.findIndex((key) => key > (page.marker ?? ''));
  const chosen = start < 0 ? [] : sorted.slice(start, start + page.limit);
  const marker = chosen.length < page.limit ? null : (chosen.at(-1) ?? null);
  return { uuids: chosen.map((key) => key.split(':').at(-1) ?? ''), marker };
}

async function itemsOf(
  deps: ListDeps,
  resource: ResourceSchema,
  uuids: readonly string[],
  request: ListRequest,
): Promise<Wire[]> {
  const objects = await deps.store.readAll(uuids);
  const visible = objects.filter((object) => !isHidden(object.properties));
  const related = await relatedOf(deps, resource, visible, request.fields);
  return visible.map((object, index) => {
    const href = request.excludeHrefs ? {} : { href: deps.href(object.type, object.uuid) };
    if (request.detail)
      return { [resource.type]: { ...detailOf(object), ...related[index], ...href, name: object.fqName.at(-1) } };
    if (request.fields === undefined) return { uuid: object.uuid, fq_name: object.fqName, ...href };
    return { ...identity(object), ...fieldsOf(object, request.fields), ...related[index], ...href };
  });
}

function detailOf(object: StoredObject): Wire {
  return { ...identity(object), ...properties(object), id_perms: idPerms(object), ...references(object) };
}

function fieldsOf(object: StoredObject, fields: ReadonlySet<string>): Wire {
  const perms = fields.has('id_perms') ? { id_perms: idPerms(object) } : {};
  return { ...properties(object, fields), ...perms, ...references(object, fields) };
}

/** Children and back references where `fields` names any. */
async function relatedOf(
  { store }: ListDeps,
  resource: ResourceSchema,
  objects: readonly StoredObject[],
  fields?: ReadonlySet<string>,
) {
  if (fields === undefined) return [];
  const uuids = objects.map(({ uuid }) => uuid);
  const wantsChildren = Object.keys(resource.children).some((field) => fields.has(field));
  const wantsBackRefs = [...fields].some((field) => field.endsWith('_back_refs'));
  const below = wantsChildren ? await store.childrenOf(uuids) : [];
  const referrers = wantsBackRefs ? await store.referrersOf(uuids) : [];
  return uuids.map((_, index) => ({
    ...children(below[index] ?? [], fields),
    ...backReferences(referrers[index] ?? [], fields),
  }));
}
