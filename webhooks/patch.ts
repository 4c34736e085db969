/** Builds JSON patches (RFC 6902) of annotations and labels; knows what is absent, for an inapplicable patch fails the request. Pure. */

/** One operation; `path` is a JSON pointer (RFC 6901). */
export type PatchOperation =
  | { readonly op: 'add'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string };

/** The wanted values by key; `undefined` wants the key gone. */
export type Wanted = Readonly<Record<string, string | undefined>>;

/**
 * The operations that bring `metadata.annotations` or `metadata.labels` to what is wanted, and touch no other key. An
 * absent map is added once, with all keys; a present one key by key. Empty when nothing differs.
 */
export function mapPatch(
  field: 'annotations' | 'labels',
  present: Readonly<Record<string, string>> | null | undefined,
  wanted: Wanted,
): readonly PatchOperation[] {
  const path = `/metadata/${field}`;
  const set = Object.entries(wanted).filter((entry): entry is [string, string] => entry[1] !== undefined);
  if (present === null || present === undefined) {
    return set.length === 0 ? [] : [{ op: 'add', path, value: Object.fromEntries(set) }];
  }
  return Object.entries(wanted).flatMap(([key, value]): readonly PatchOperation[] => {
    const pointer = `${path}/${escaped(key)}`;
    // A key may be called as an object's own method is.
    const found = Object.hasOwn(present, key) ? present[key] : undefined;
    if (value !== undefined) return found === value ? [] : [{ op: 'add', path: pointer, value }];
    return found === undefined ? [] : [{ op: 'remove', path: pointer }];
  });
}

function escaped(token: string): string {
  return token.replaceAll('~', '~0').replaceAll('/', '~1');
}
