/** `filters=key==value,…` of lists (facts 3). Pure. */
import type { ResourceSchema } from '../../schema.ts';
import { HttpError } from '../errors.ts';
import { isRecord } from './validate.ts';
import type { StoredObject } from '../store/objects.ts';

/** Values by key: one of them must match for every key. */
export type Filters = ReadonlyMap<string, readonly unknown[]>;

/** Parses the parameter; throws 400 for an item without `==`. */
export function parseFilters(text: string): Filters {
  const filters = new Map<string, unknown[]>();
  for (const item of text.split(',')) {
    const at = item.indexOf('==');
    if (at < 0) throw new HttpError(400, `Invalid filter ${item}`);
    const key = item.slice(0, at);
    filters.set(key, [...(filters.get(key) ?? []), jsonOr(item.slice(at + 2))]);
  }
  return filters;
}

/**
 * Whether an object passes. Only plain properties can match; one that is absent never does. A key that the type does
 * not know is ignored when it stands alone, and matches nothing beside a known one.
 */
export function passes(object: StoredObject, filters: Filters, resource: ResourceSchema): boolean {
  const known = [...filters.keys()].filter((key) => resource.properties[key] !== undefined);
  if (known.length === 0) return true;
  if (known.length < filters.size) return false;
  return known.every((key) => {
    const value = object.properties[key];
    if (value === undefined || resource.properties[key]?.collection !== undefined) return false;
    return filters.get(key)?.some((wanted) => equal(value, wanted)) ?? false;
  });
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Plain text is allowed without quotes.
    return text;
  }
}

function equal(a: unknown, b: unknown): boolean {
  if (isRecord(a) && isRecord(b)) {
    const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
    return [...keys].every((key) => equal(a[key], b[key]));
  }
  return a === b;
}
