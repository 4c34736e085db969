/** The references in a body, resolved to objects that exist. */
import type { ResourceSchema } from '../../schema.ts';
import type { FqName } from '../../objects.ts';
import type { HttpError } from '../errors.ts';
import type { StoredRef } from '../store/objects.ts';
import type { Transaction } from '../store/transaction.ts';
import { isRecord } from './validate.ts';

/** Resolves every reference field that the body names; an empty or null list resolves to none. */
export async function resolveRefs(
  tx: Transaction,
  resource: ResourceSchema,
  body: Readonly<Record<string, unknown>>,
  unknown: (field: string) => HttpError,
): Promise<Record<string, StoredRef[]>> {
  const refs: Record<string, StoredRef[]> = {};
  for (const [field, link] of Object.entries(resource.refs)) {
    if (!(field in body)) continue;
    const items = Array.isArray(body[field]) ? body[field] : [];
    const resolved = await Promise.all(items.map((item: unknown) => resolveRef(tx, link.type, item)));
    if (resolved.includes(undefined)) throw unknown(field);
    refs[field] = unique(resolved.filter((ref) => ref !== undefined));
  }
  return refs;
}

async function resolveRef(tx: Transaction, type: string, item: unknown): Promise<StoredRef | undefined> {
  if (!isRecord(item)) return undefined;
  const attr = item['attr'] ?? null;
  if (typeof item['uuid'] === 'string') {
    const target = await tx.read(item['uuid']);
    if (target?.type === type) return { uuid: target.uuid, to: target.fqName, attr };
  }
  if (!Array.isArray(item['to'])) return undefined;
  const fqName = item['to'].map(String) as FqName;
  const uuid = await tx.store.uuidOf(type, fqName);
  return uuid === undefined ? undefined : { uuid, to: fqName, attr };
}

/** The last reference to a target counts. */
function unique(refs: readonly StoredRef[]): StoredRef[] {
  return [...new Map(refs.map((ref) => [ref.uuid, ref])).values()];
}
