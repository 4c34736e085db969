/** Creating an object: the checks of the real server in its order, then one transaction (facts 3). */
import { randomUUID } from 'node:crypto';
import type { FqName } from '../../objects.ts';
import type { ResourceSchema } from '../../schema.ts';
import { demand, HttpError } from '../errors.ts';
import { rulesOf } from '../hooks/rules.ts';
import { pformat, repr, str } from '../python.ts';
import type { StoredObject } from '../store/objects.ts';
import type { Transaction } from '../store/transaction.ts';
import type { Draft } from './draft.ts';
import { checkQuota } from './quota.ts';
import { newIdPerms, newPerms2 } from './perms.ts';
import { resolveRefs } from './references.ts';
import { validateBody } from './validate.ts';

type Body = Record<string, unknown>;

/** Fields that are the server's own; what a client sends in them is ignored. */
const NOT_PROPERTIES = new Set(['id_perms', 'perms2']);
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Adds a new object to the transaction and returns it as it will be. Throws an `HttpError` where the API refuses it. */
export async function createObject(tx: Transaction, type: string, body: Body): Promise<Draft> {
  const resource = tx.resource(type);
  const rules = rulesOf(type);
  checkedName(type, body);
  validateBody(tx.schema, resource, body, 'create');
  rules.validate?.(body);
  // The rules of some types name the object anew.
  const fqName = checkedName(type, body);
  await refuseTakenName(tx, type, fqName);
  const parentType = checkedParentType(resource, body['parent_type'], fqName);
  const uuid = await checkedUuid(tx, body['uuid']);
  const parent = parentType === undefined ? undefined : await requireParent(tx, parentType, fqName.slice(0, -1));
  const draft = await draftOf(tx, { resource, body, uuid, fqName, parent });
  await rules.beforeCreate?.(draft, tx);
  await checkQuota(tx, draft);
  tx.create(draft);
  return draft;
}

interface Checked {
  readonly resource: ResourceSchema;
  readonly body: Body;
  readonly uuid: string;
  readonly fqName: FqName;
  readonly parent: StoredObject | undefined;
}

async function draftOf(tx: Transaction, checked: Checked): Promise<Draft> {
  const { resource, body, uuid, fqName, parent } = checked;
  const identity = parent === undefined ? {} : { parentType: parent.type, parentUuid: parent.uuid };
  const named = Object.keys(resource.properties).filter((name) => name in body && !NOT_PROPERTIES.has(name));
  const properties: Body = Object.fromEntries(
    named.map((name) => [name, body[name]]).filter(([, value]) => value !== null),
  );
  const draft: Draft = {
    uuid,
    type: resource.type,
    uuidGiven: Boolean(body['uuid']),
    fqName,
    ...identity,
    parent,
    properties,
    refs: {},
  };
  properties['display_name'] ??= fqName.at(-1) ?? '';
  properties['id_perms'] = newIdPerms(body['id_perms']);
  properties['perms2'] = newPerms2(body['perms2'], draft);
  Object.assign(draft.refs, await resolveRefs(tx, resource, body, (field) => unknownReference(body, draft, field)));
  return draft;
}

/** The real server prints the whole object, defaults filled in. */
function unknownReference(body: Body, draft: Draft, field: string): HttpError {
  const { uuid: _uuid, ...rest } = body;
  const printed = {
    ...rest,
    id_perms: { ...(draft.properties['id_perms'] as object) },
    perms2: draft.properties['perms2'],
    display_name: draft.properties['display_name'],
    ...(draft.parentUuid === undefined ? {} : { parent_uuid: draft.parentUuid }),
  };
  return new HttpError(
    400,
    field === '' ? 'Reference without a name' : `Unknown reference in resource create ${repr(printed)}.`,
  );
}

function checkedName(type: string, body: Body): FqName {
  const fqName = body['fq_name'];
  const isName = Array.isArray(fqName) && fqName.length > 0 && fqName.every((part) => typeof part === 'string');
  if (!isName) throw new HttpError(400, 'Bad Request, no fq_name in POST body');
  // Checked right above.
  const name = fqName as FqName;
  const last = name.at(-1) ?? '';
  demand(!hasIllegalXml(last), 400, 'Bad Request, name has illegal xml characters');
  demand(type === 'route-target' || !last.includes(':'), 400, "Bad Request, name has one of invalid chars {':'}");
  return name;
}

/** Whether a text holds characters that XML 1.0 has no place for. */
function hasIllegalXml(text: string): boolean {
  return Array.from(text, (character) => character.codePointAt(0) ?? 0).some((code) => {
    return (code < 0x20 && ![9, 10, 13].includes(code)) || code === 0xfffe || code === 0xffff;
  });
}

async function refuseTakenName(tx: Transaction, type: string, fqName: FqName): Promise<void> {
  const holder = await tx.store.uuidOf(type, fqName);
  if (holder !== undefined) throw new HttpError(409, `${pformat(fqName)} already exists with uuid: ${holder}`);
}

/** The type of the parent, or `undefined` for an object that has none. */
function checkedParentType(resource: ResourceSchema, given: unknown, fqName: FqName): string | undefined {
  const allowed = resource.parents.map(({ type }) => type);
  const hasRoot = allowed.length === 0 || allowed.includes('config-root');
  const named = given === 'config-root' && hasRoot ? undefined : given;
  if (named === undefined || named === null) {
    demand(hasRoot, 400, `Missing parent type: ${repr(given)}. Allowed types: ${repr(allowed)}`);
    demand(fqName.length === 1, 400, `Invalid fq-name for an object with no parent: ${repr(fqName)}`);
    return undefined;
  }
  demand(
    typeof named === 'string' && allowed.includes(named),
    400,
    `Invalid parent type: ${str(named)}. Allowed types: ${repr(allowed)}`,
  );
  demand(fqName.length > 1, 400, `Invalid fq-name for object with parent_type ${named}: ${repr(fqName)}`);
  return named;
}

async function checkedUuid(tx: Transaction, given: unknown): Promise<string> {
  if (given === undefined || given === null || given === '') return randomUUID();
  demand(typeof given === 'string' && UUID.test(given), 400, `Invalid UUID format: ${str(given)}`);
  const holder = await tx.store.read(given);
  if (holder !== undefined) throw new HttpError(409, `${given} already exists with fq_name: ${pformat(holder.fqName)}`);
  return given;
}

async function requireParent(tx: Transaction, type: string, fqName: FqName): Promise<StoredObject> {
  const parent = await tx.find(type, fqName);
  if (parent === undefined) throw new HttpError(400, `Parent ${repr(fqName)} type ${type} does not exist`);
  return parent;
}
