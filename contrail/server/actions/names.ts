/** Names to UUIDs and back, and the free-form key/value store (facts 5). */
import { type Handler, ok } from '../context.ts';
import { HttpError } from '../errors.ts';
import { repr, str } from '../python.ts';
import { bodyOf, nameField, requireType, textField } from './body.ts';

/** `POST /fqname-to-id`. */
export const fqNameToId: Handler = async ({ body }, { store, schema }) => {
  const fields = bodyOf(body);
  const resource = requireType(schema, fields['type']);
  const fqName = nameField(fields['fq_name']);
  const uuid = await store.uuidOf(resource.type, fqName);
  if (uuid === undefined) throw new HttpError(404, `Name ${repr(fqName)} not found`);
  return ok({ uuid });
};

/** `POST /id-to-fqname`. */
export const idToFqName: Handler = async ({ body }, { store }) => {
  const uuid = textField(bodyOf(body), 'uuid');
  const object = await store.read(uuid);
  if (object === undefined) throw new HttpError(404, `UUID ${uuid} not found`);
  return ok({ fq_name: object.fqName, type: object.type });
};

/** `POST /useragent-kv`. */
export const useragentKv: Handler = async ({ body }, { store }) => {
  const { operation, key, value } = bodyOf(body);
  if (key === undefined) throw new HttpError(400, 'Bad Request: key is missing');
  switch (operation) {
    case 'STORE':
      await store.kv.set(str(key), str(value));
      return ok();
    case 'RETRIEVE':
      return ok({ value: await retrieve(store.kv, key) });
    case 'DELETE':
      await store.kv.delete(str(key));
      return ok();
    default:
      throw new HttpError(404, `Invalid Operation ${str(operation)}`);
  }
};

async function retrieve(kv: Parameters<Handler>[1]['store']['kv'], key: unknown): Promise<unknown> {
  if (key === null || key === '')
    return Object.entries(await kv.all()).map(([name, text]) => ({ key: name, value: text }));
  if (Array.isArray(key)) return (await kv.get(key.map(str))).filter((text) => text !== null);
  const [value] = await kv.get([str(key)]);
  if (value === null || value === undefined) throw new HttpError(404, `Unknown User-Agent key ${str(key)}`);
  return value;
}
