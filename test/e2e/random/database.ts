/** The config database as a whole, to be compared with itself. */
import type { ContrailClient } from '../../../contrail/client.ts';
import type { ContrailObject } from '../../../contrail/objects.ts';

/** Every object's text, by its type and name. */
export type DatabaseText = ReadonlyMap<string, string>;

/** What says nothing of an object: times, places, and numbers that the server draws. */
const DRAWN = new Set([
  'href',
  'id_perms',
  'parent_href',
  'rule_uuid',
  'security_group_id',
  'tag_id',
  'tag_ids',
  'tag_type_id',
]);

/** An interface that works for no chain any more keeps its side, which means nothing without a tuple. */
const SIDE = 'service_interface_type';

/** Text that is the same for the same object. */
export async function databaseOf(contrail: ContrailClient): Promise<DatabaseText> {
  const { links } = (await contrail.raw('GET', '/')) as { links: { link: { name: string; rel: string } }[] };
  const types = links.filter(({ link }) => link.rel === 'collection').map(({ link }) => link.name);
  const all = new Map<string, string>();
  for (const type of types) {
    const objects = await contrail.list(type, { detail: true });
    for (const object of objects) all.set(...textOf(type, object));
  }
  return all;
}

/** The end of the name of a router's address; which one it has is the order in which it came. */
const SLOT = /__v[46](-\d+)?$/;

function textOf(type: string, object: ContrailObject): readonly [name: string, text: string] {
  const name = `${type} ${object.fq_name.join(':')}`;
  if (type !== 'floating-ip' || !SLOT.test(name)) return [name, JSON.stringify(sorted(object))];
  const { uuid: _uuid, fq_name: _fqName, name: _name, display_name: _label, ...rest } = object;
  return [name.replace(SLOT, `__${String(object['floating_ip_address'])}`), JSON.stringify(sorted(rest))];
}

/**
 * The first ten, one line each. What nobody needs any more may stay, and counts for nothing: groups of peers until the next look, and
 * types of tags.
 */
export function differences(before: DatabaseText, now: DatabaseText): readonly string[] {
  const names = [...new Set([...before.keys(), ...now.keys()])].filter((name) => !/__peer__|^tag-type /.test(name));
  return names.flatMap((name) => difference(name, before.get(name), now.get(name))).slice(0, 10);
}

function difference(name: string, before: string | undefined, now: string | undefined): readonly string[] {
  if (before === now) return [];
  if (before === undefined) return [`${name} has come`];
  if (now === undefined) return [`${name} is gone`];
  let start = 0;
  while (before[start] === now[start]) start += 1;
  const from = Math.max(0, start - 80);
  return [`${name}: …${before.slice(from, start + 80)}… became …${now.slice(from, start + 80)}…`];
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([key]) => !DRAWN.has(key) && key !== SIDE);
  const texts = entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, item]) => [key, sorted(item)] as const);
  return Object.fromEntries(texts.filter(([, item]) => JSON.stringify(item) !== '{}'));
}
