/** `POST /set-tag`: tags of an object by type and value (facts 11). */
import { type Handler, ok } from '../context.ts';
import { demand, HttpError } from '../errors.ts';
import { isRecord } from '../objects/validate.ts';
import { repr } from '../python.ts';
import type { StoredObject, StoredRef } from '../store/objects.ts';
import { transact } from '../store/transact.ts';
import type { Transaction } from '../store/transaction.ts';
import { bodyOf, requireType, textField } from './body.ts';

/** Of these types an object may carry several tags. */
const MANY = new Set(['label', 'neutron_fwaas', 'neutron_tag']);

export const setTag: Handler = async ({ body }, deps) => {
  const { obj_type: objectType, obj_uuid: _uuid, obj_fq_name: _name, ...tags } = bodyOf(body);
  const resource = requireType(deps.schema, objectType);
  const uuid = textField(bodyOf(body), 'obj_uuid');
  await transact(deps, async (tx) => {
    const object = await tx.read(uuid);
    if (object?.type !== resource.type) throw new HttpError(404, `Unknown id: ${uuid}`);
    const before = await tx.store.readAll((object.refs['tag_refs'] ?? []).map((ref) => ref.uuid));
    let wanted = before.map(refTo);
    for (const [type, change] of Object.entries(tags))
      wanted = await changeType(tx, { object, type: type.toLowerCase(), change, before }, wanted);
    tx.expectUnchanged(object);
    tx.update(object, { refs: { tag_refs: wanted } });
  });
  return ok({});
};

interface TypeChange {
  readonly object: StoredObject;
  readonly type: string;
  readonly change: unknown;
  readonly before: readonly StoredObject[];
}

async function changeType(
  tx: Transaction,
  { object, type, change, before }: TypeChange,
  refs: StoredRef[],
): Promise<StoredRef[]> {
  const ofType = new Set(before.filter((tag) => tag.properties['tag_type_name'] === type).map(({ uuid }) => uuid));
  if (change === null) return refs.filter(({ uuid }) => !ofType.has(uuid));
  demand(isRecord(change), 400, `Bad Request: ${type} must be an object or null`);
  const { value, add_values: add, delete_values: remove, is_global: isGlobal } = change;
  demand(MANY.has(type) || (!add && !remove), 400, `Tag type ${type} does not support multi-values; use "value"`);
  const find = (text: unknown): Promise<StoredRef> =>
    requireTag(tx, object, { type, value: String(text), isGlobal: isGlobal === true });
  const added = await Promise.all([...(value === undefined ? [] : [value]), ...listOf(add)].map(find));
  const removed = new Set((await Promise.all(listOf(remove).map(find))).map(({ uuid }) => uuid));
  const kept = refs.filter(({ uuid }) => !removed.has(uuid) && (MANY.has(type) || !ofType.has(uuid)));
  return [...new Map([...kept, ...added].map((ref) => [ref.uuid, ref])).values()];
}

/** A tag of the object's project, or a global one. */
async function requireTag(
  tx: Transaction,
  object: StoredObject,
  { type, value, isGlobal }: { type: string; value: string; isGlobal: boolean },
): Promise<StoredRef> {
  const project = object.type === 'project' ? object.fqName : object.fqName.slice(0, 2);
  const isScoped =
    !isGlobal && (object.parentType === 'project' || object.type === 'project' || object.fqName.length > 2);
  const scope = isScoped ? project : [];
  const fqName = isGlobal ? [`${type}=${value}`] : [...scope, `${type}=${value}`];
  const tag =
    (await tx.find('tag', fqName)) ?? (isGlobal ? undefined : await ownersTag(tx, object, `${type}=${value}`));
  if (tag === undefined) throw new HttpError(404, `Tag with FQName ${repr(fqName)} not found`);
  return refTo(tag);
}

/** An object outside every project is looked up in its owner's. */
async function ownersTag(tx: Transaction, object: StoredObject, name: string): Promise<StoredObject | undefined> {
  const perms2 = object.properties['perms2'] as { owner?: string } | undefined;
  const owner = (perms2?.owner ?? '').replaceAll('-', '');
  if (!/^[0-9a-f]{32}$/.test(owner)) return undefined;
  const project = await tx.read(owner.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'));
  return project?.type === 'project' ? tx.find('tag', [...project.fqName, name]) : undefined;
}

function refTo(object: StoredObject): StoredRef {
  return { uuid: object.uuid, to: object.fqName, attr: null };
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
