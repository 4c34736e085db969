/** Create, read, update, delete and list: the routes that every type has (facts 3). */
import type { Handler } from '../context.ts';
import { ok } from '../context.ts';
import { demand, HttpError } from '../errors.ts';
import { createObject } from '../objects/create.ts';
import { deleteObject } from '../objects/delete.ts';
import { listObjects, listRequest } from '../objects/list.ts';
import { readObject, readOptions, requireObject } from '../objects/read.ts';
import { updateObject } from '../objects/update.ts';
import { isRecord } from '../objects/validate.ts';
import { transact } from '../store/transact.ts';
import { bodyOf, requireType } from './body.ts';

/** `POST /<type>s`: a small answer, never the whole object. */
export const create: Handler = async ({ body, href }, deps, [type = '']) => {
  const { value: draft } = await transact(deps, (tx) => createObject(tx, type, objectIn(body, type)));
  const { uuid, fqName, parentType, parentUuid } = draft;
  const parent =
    parentType === undefined || parentUuid === undefined
      ? {}
      : { parent_type: parentType, parent_uuid: parentUuid, parent_href: href(parentType, parentUuid) };
  return ok({ [type]: { name: fqName.at(-1), fq_name: fqName, uuid, href: href(type, uuid), ...parent } });
};

/** `GET /<type>/<uuid>`. */
export const read: Handler = async ({ query, href, ifNoneMatch }, deps, [type = '', uuid = '']) => {
  const object = await requireObject(deps.store, type, uuid);
  const etag = `"${object.modified}"`;
  if (ifNoneMatch !== undefined && ifNoneMatch.replaceAll('"', '') === object.modified) return { status: 304, etag };
  return { ...ok({ [type]: await readObject({ ...deps, href }, object, readOptions(query)) }), etag };
};

/** `PUT /<type>/<uuid>`: nothing to change is no error, and answers nothing. */
export const update: Handler = async ({ body, href }, deps, [type = '', uuid = '']) => {
  const fields = body === undefined ? {} : objectIn(body, type);
  if (Object.keys(fields).length === 0) return ok();
  await transact(deps, async (tx) => updateObject(tx, await requireObject(tx, type, uuid), structuredClone(fields)));
  return ok({ [type]: { uuid, href: href(type, uuid) } });
};

/** `DELETE /<type>/<uuid>`. */
export const remove: Handler = async ({ href }, deps, [type = '', uuid = '']) => {
  await transact(deps, async (tx) => {
    const object = await tx.read(uuid);
    if (object === undefined) throw new HttpError(404, `ID ${uuid} does not exist`);
    if (object.type !== type) throw new HttpError(404, `No ${type} object found for id ${uuid}`);
    await deleteObject(tx, object, href);
  });
  return ok();
};

/** `GET /<type>s`. */
export const list: Handler = async ({ query, href }, deps, [type = '']) => {
  const request = listRequest((name) => query.get(name) ?? undefined);
  return ok(await listObjects({ ...deps, href }, requireType(deps.schema, type), request));
};

/** `POST /list-bulk-collection`: the same by POST, for many ids. */
export const listBulk: Handler = async ({ body, href }, deps) => {
  const fields = bodyOf(body);
  const resource = requireType(deps.schema, fields['type']);
  const { fq_names: _ignored, ...rest } = fields;
  return ok(
    await listObjects(
      { ...deps, href },
      resource,
      listRequest((name) => rest[name]),
    ),
  );
};

/** The object under the type's key; a copy, since checks correct it in place. */
function objectIn(body: unknown, type: string): Record<string, unknown> {
  demand(isRecord(body) && isRecord(body[type]), 400, `Bad Request: the body must hold the object under "${type}"`);
  return structuredClone(body[type] as Record<string, unknown>);
}
