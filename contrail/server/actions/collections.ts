/** Items of list and map properties, one by one (facts 6). */
import { randomUUID } from 'node:crypto';
import type { PropertySchema } from '../../schema.ts';
import { type Handler, ok } from '../context.ts';
import { demand, HttpError } from '../errors.ts';
import { isRecord, validateBody } from '../objects/validate.ts';
import { dumps } from '../python.ts';
import { keyOf, sortItems, splitField } from '../store/objects.ts';
import { transact } from '../store/transact.ts';
import type { Transaction } from '../store/transaction.ts';
import { bodyOf, textField } from './body.ts';

/** `GET /prop-collection-get?uuid=&fields=[&position=]`. */
export const collectionGet: Handler = async ({ query }, { store, schema }) => {
  const uuid = query.get('uuid') ?? '';
  const fields = (query.get('fields') ?? '').split(',').filter((field) => field !== '');
  const position = query.get('position');
  const hash = await store.readHash(uuid);
  const resource = schema.resource(hash['type'] ?? '');
  if (resource === undefined) throw new HttpError(404, `Object Not Found: ${uuid}`);
  const answer: Record<string, unknown> = {};
  for (const field of fields) {
    requireCollection(resource.properties[field], field);
    const items = Object.entries(hash).flatMap(([key, text]) => {
      const [name, at] = splitField(key);
      const isWanted = key.startsWith('i:') && name === field && (position === null || position === at);
      return isWanted ? [{ position: at, value: JSON.parse(text) as unknown }] : [];
    });
    answer[field] = sortItems(items).map((item) => [item.value, item.position]);
  }
  return ok(answer);
};

interface Update {
  readonly field: string;
  readonly operation: string;
  readonly value?: unknown;
  readonly position?: string;
}

/** `POST /prop-collection-update`: all updates or none. */
export const collectionUpdate: Handler = async ({ body }, deps) => {
  const fields = bodyOf(body);
  const uuid = textField(fields, 'uuid');
  const updates = Array.isArray(fields['updates']) ? fields['updates'].map(updateOf) : [];
  await transact(deps, async (tx) => {
    const object = await tx.read(uuid);
    if (object === undefined) throw new HttpError(404, `Object Not Found: ${uuid}`);
    const set: Record<string, string> = {};
    const remove: string[] = [];
    for (const update of updates) {
      const property = requireCollection(tx.resource(object.type).properties[update.field], update.field);
      const { key, value } = item(tx, object.type, property, update);
      if (value === undefined) remove.push(key);
      else set[key] = value;
    }
    if (updates.length > 0) tx.updateFields(object, set, remove);
  });
  return ok();
};

function updateOf(value: unknown): Update {
  demand(isRecord(value), 400, 'Bad Request: updates must be objects');
  const { field, operation } = value;
  demand(
    typeof field === 'string' && typeof operation === 'string',
    400,
    'Bad Request: an update needs field and operation',
  );
  return { ...value, field, operation };
}

function requireCollection(property: PropertySchema | undefined, field: string): PropertySchema {
  if (property?.collection === undefined) throw new HttpError(400, `${field} neither "ListProperty" nor "MapProperty"`);
  return property;
}

/** The hash field that an update touches, and its new value; without one the item goes. */
function item(
  tx: Transaction,
  type: string,
  property: PropertySchema,
  update: Update,
): { key: string; value?: string } {
  const { field, operation, position } = update;
  const allowed = property.collection === 'list' ? ['add', 'modify', 'delete'] : ['set', 'delete'];
  demand(allowed.includes(operation), 400, `Unsupported operation ${operation} in request ${dumps(update)}`);
  if (operation === 'delete') {
    demand(position !== undefined, 400, `Missing position in request ${dumps(update)}`);
    return { key: `i:${field}:${position}` };
  }
  const wrapped = { [field]: { [property.wrapperField ?? '']: [structuredClone(update.value)] } };
  validateBody(tx.schema, tx.resource(type), wrapped, 'prop-collection-update');
  const [value] = (wrapped[field] as Record<string, unknown[]>)[property.wrapperField ?? ''] ?? [];
  const at = property.collection === 'map' ? keyOf(value, property.mapKey ?? '') : (position ?? randomUUID());
  return { key: `i:${field}:${at}`, value: JSON.stringify(value) };
}
