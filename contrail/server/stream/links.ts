/** Questions about links of cached objects, as spans ask them. */
import type { StoredObject } from '../store/objects.ts';
import type { CacheView } from './cache.ts';

/** What an object refers to in a field. */
export function refsOf(object: StoredObject | undefined, field: string): string[] {
  return (object?.refs[field] ?? []).map(({ uuid }) => uuid);
}

/** Whether an object is there and passes a test. */
export function isAt(cache: CacheView, uuid: string, test: (object: StoredObject) => boolean): boolean {
  const object = cache.get(uuid);
  return object !== undefined && test(object);
}

/** Whether any passes a test. */
export function some(uuids: Iterable<string>, test: (uuid: string) => boolean): boolean {
  for (const uuid of uuids) if (test(uuid)) return true;
  return false;
}
