/** Updating an object: the fields named are replaced as a whole, all others stay (facts 3). */
import { HttpError } from '../errors.ts';
import { rulesOf } from '../hooks/rules.ts';
import { repr } from '../python.ts';
import type { StoredObject } from '../store/objects.ts';
import type { Transaction } from '../store/transaction.ts';
import { underscored } from '../../schema.ts';
import type { Change } from './draft.ts';
import { changedIdPerms, changedPerms2 } from './perms.ts';
import { resolveRefs } from './references.ts';
import { validateBody } from './validate.ts';

type Body = Record<string, unknown>;

/** Adds the change of an object to the transaction. */
export async function updateObject(tx: Transaction, object: StoredObject, body: Body): Promise<void> {
  const resource = tx.resource(object.type);
  validateBody(tx.schema, resource, body, 'http_put');
  const properties: Body = {};
  for (const name of Object.keys(resource.properties)) {
    if (!(name in body) || name === 'id_perms' || name === 'perms2') continue;
    properties[name] = removedOr(object, name, body[name]);
  }
  if ('id_perms' in body) properties['id_perms'] = changedIdPerms(object.properties['id_perms'], body['id_perms']);
  if ('perms2' in body) properties['perms2'] = changedPerms2(object.properties['perms2'], body['perms2']);
  const named = Object.fromEntries(
    Object.keys(resource.refs).flatMap((field) => (field in body ? [[field, body[field]]] : [])),
  );
  const refs = await resolveRefs(tx, resource, body, () => {
    return new HttpError(400, `Unknown reference in resource update ${underscored(object.type)} ${repr(named)}.`);
  });
  await changeObject(tx, { object, properties, refs });
}

/** Adds a change to the transaction after the rules of its type have seen it. */
export async function changeObject(tx: Transaction, change: Change): Promise<void> {
  tx.expectUnchanged(change.object);
  await rulesOf(change.object.type).beforeUpdate?.(change, tx);
  tx.update(change.object, change);
}

/** Null removes what was set; where nothing was set, the null itself is kept (facts 3). */
function removedOr(object: StoredObject, name: string, value: unknown): unknown {
  return value === null && object.properties[name] !== undefined && object.properties[name] !== null
    ? undefined
    : value;
}
