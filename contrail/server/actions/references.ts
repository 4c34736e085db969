/** Single references: added, removed, relaxed (facts 4). */
import type { LinkSchema, ResourceSchema } from '../../schema.ts';
import { refField } from '../../schema.ts';
import { type Handler, ok } from '../context.ts';
import { demand, HttpError } from '../errors.ts';
import { rulesOf } from '../hooks/rules.ts';
import { changeObject } from '../objects/update.ts';
import { validateBody } from '../objects/validate.ts';
import { repr } from '../python.ts';
import type { StoredObject, StoredRef } from '../store/objects.ts';
import { transact } from '../store/transact.ts';
import type { Transaction } from '../store/transaction.ts';
import { bodyOf, nameField, requireType, textField } from './body.ts';

interface RefRequest {
  readonly resource: ResourceSchema;
  readonly link: LinkSchema;
  readonly uuid: string;
  readonly operation: 'ADD' | 'DELETE';
  readonly refUuid: string | undefined;
  readonly refName: readonly string[] | undefined;
  readonly attr: unknown;
}

/** `POST /ref-update`: ADD overwrites the attribute of a reference that is there; DELETE of one that is not succeeds. */
export const refUpdate: Handler = async ({ body }, deps) => {
  const fields = bodyOf(body);
  await transact(deps, async (tx) => {
    const request = parse(tx, fields);
    const object = await tx.read(request.uuid);
    if (object === undefined) throw new HttpError(404, `Unknown id: ${request.uuid}`);
    if (object.type !== request.resource.type)
      throw new HttpError(404, `No ${request.resource.type} object found for id ${request.uuid}`);
    await apply(tx, object, request);
  });
  if (fields['relax_ref_for_delete'] === true) await relaxRef(fields, deps);
  return ok({ uuid: fields['uuid'] });
};

/** `POST /ref-relax-for-delete`: this reference no longer stands in the way of its target's deletion. */
export const refRelax: Handler = async ({ body }, deps) => {
  const fields = bodyOf(body);
  await relaxRef(fields, deps);
  return ok({ uuid: fields['uuid'] });
};

async function relaxRef(fields: Record<string, unknown>, { store }: Parameters<Handler>[1]): Promise<void> {
  const uuid = textField(fields, 'uuid');
  const target = textField(fields, 'ref-uuid');
  for (const id of [uuid, target]) {
    if ((await store.read(id)) === undefined) throw new HttpError(404, `Unknown id: ${id}`);
  }
  await store.relax(target, uuid);
}

function parse(tx: Transaction, fields: Record<string, unknown>): RefRequest {
  const type = textField(fields, 'type');
  const uuid = textField(fields, 'uuid');
  const refType = textField(fields, 'ref-type');
  const operation = textField(fields, 'operation');
  demand(
    operation === 'ADD' || operation === 'DELETE',
    400,
    `Bad Request: operation should be add or delete: ${operation}`,
  );
  const { 'ref-uuid': refUuid, 'ref-fq-name': refName } = fields;
  demand(Boolean(refUuid) || Boolean(refName), 400, 'Bad Request: ref-uuid or ref-fq-name must be specified');
  const resource = requireType(tx.schema, type);
  const target = requireType(tx.schema, refType);
  const link = resource.refs[refField(target.type)];
  demand(link !== undefined, 400, `Bad Request: ${resource.type} has no references to ${target.type}`);
  return {
    resource,
    link,
    uuid,
    operation,
    refUuid: typeof refUuid === 'string' && refUuid !== '' ? refUuid : undefined,
    refName: refName ? nameField(refName) : undefined,
    attr: structuredClone(fields['attr'] ?? null),
  };
}

async function apply(tx: Transaction, object: StoredObject, request: RefRequest): Promise<void> {
  const field = refField(request.link.type);
  const target = await targetOf(tx, request);
  const current = object.refs[field] ?? [];
  if (request.operation === 'DELETE' && !current.some(({ uuid }) => uuid === target?.uuid)) return;
  if (target === undefined) return;
  if (request.operation === 'ADD') checkAttr(tx, request, field, target);
  if (rulesOf(object.type).guardedRefs?.includes(field) === true) {
    const others = current.filter(({ uuid }) => uuid !== target.uuid);
    const wanted = request.operation === 'ADD' ? [...others, target] : others;
    await changeObject(tx, { object, properties: {}, refs: { [field]: wanted } });
  } else if (request.operation === 'ADD') tx.addRef(object, field, target);
  else tx.removeRef(object, field, target.uuid);
}

function checkAttr(tx: Transaction, { resource, attr }: RefRequest, field: string, target: StoredRef): void {
  validateBody(tx.schema, resource, { [field]: [{ to: target.to, attr }] }, 'ref-update');
}

/** The target; one that is gone matters only to an addition. */
async function targetOf(
  tx: Transaction,
  { link, refUuid, refName, operation, attr }: RefRequest,
): Promise<StoredRef | undefined> {
  if (refUuid !== undefined) {
    const target = await tx.read(refUuid);
    if (target?.type === link.type) return { uuid: target.uuid, to: target.fqName, attr };
    if (operation === 'ADD') throw new HttpError(404, `Unknown id: ${refUuid}`);
    return { uuid: refUuid, to: refName ?? [], attr };
  }
  const uuid = await tx.store.uuidOf(link.type, refName ?? []);
  if (uuid === undefined) throw new HttpError(404, `Name ${repr(refName)} not found`);
  return { uuid, to: refName ?? [], attr };
}
