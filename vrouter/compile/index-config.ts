/** Config objects by type, by name and by who refers to them: what the compiler reads instead of scanning. Pure. */
import { fqNameText } from '../../contrail/objects.ts';
import type { ContrailObject, Reference } from '../../contrail/objects.ts';

export interface ConfigIndex {
  /** All objects of a type, in the order of their UUIDs. */
  readonly all: <T extends ContrailObject>(type: string) => readonly T[];
  readonly get: <T extends ContrailObject>(uuid: string) => T | undefined;
  /** The object of that type and colon-form name. */
  readonly named: <T extends ContrailObject>(type: string, name: string) => T | undefined;
  /** The objects that `object` refers to with references to `type`. */
  readonly targets: <T extends ContrailObject>(object: ContrailObject, type: string) => readonly T[];
  /** The objects of `type` that refer to `uuid`. */
  readonly referrers: <T extends ContrailObject>(uuid: string, type: string) => readonly T[];
  readonly children: <T extends ContrailObject>(uuid: string, type: string) => readonly T[];
}

/** Indexes a set of config objects; references resolve by UUID, or by name where they carry none. */
export function indexConfig(objects: ReadonlyMap<string, ContrailObject>): ConfigIndex {
  const byType = new Map<string, ContrailObject[]>();
  const byName = new Map<string, ContrailObject>();
  for (const uuid of [...objects.keys()].sort()) {
    const object = objects.get(uuid);
    if (object === undefined) continue;
    append(byType, object.type, object);
    byName.set(nameKey(object.type, fqNameText(object.fq_name)), object);
  }
  const resolve = (type: string, reference: Reference): ContrailObject | undefined =>
    reference.uuid === undefined ? byName.get(nameKey(type, fqNameText(reference.to))) : objects.get(reference.uuid);
  const { referrers, children } = reverseLinks(byType, byName, resolve);
  // The caller names the type that its type parameter stands for; the wire's shape was checked where it was read.
  return {
    all: <T extends ContrailObject>(type: string) => (byType.get(type) ?? []) as unknown as readonly T[],
    get: <T extends ContrailObject>(uuid: string) => objects.get(uuid) as T | undefined,
    named: <T extends ContrailObject>(type: string, name: string) => byName.get(nameKey(type, name)) as T | undefined,
    targets: <T extends ContrailObject>(object: ContrailObject, type: string) =>
      referencesOf(object, type).flatMap((reference) => resolve(type, reference) ?? []) as unknown as readonly T[],
    referrers: <T extends ContrailObject>(uuid: string, type: string) =>
      (referrers.get(nameKey(type, uuid)) ?? []) as unknown as readonly T[],
    children: <T extends ContrailObject>(uuid: string, type: string) =>
      (children.get(nameKey(type, uuid)) ?? []) as unknown as readonly T[],
  };
}

/** The references of an object to objects of `type`; back references are not among them. */
export function referencesOf(object: ContrailObject, type: string): readonly Reference[] {
  // Reference fields are lists of references by the schema.
  return (object[`${type.replaceAll('-', '_')}_refs`] as readonly Reference[] | undefined) ?? [];
}

const LINKED: readonly (readonly [referrer: string, target: string])[] = [
  ['instance-ip', 'virtual-machine-interface'],
  ['virtual-machine-interface', 'virtual-machine'],
  ['virtual-router', 'virtual-machine'],
  ['virtual-network', 'network-policy'],
  ['loadbalancer-listener', 'loadbalancer'],
  ['loadbalancer-pool', 'loadbalancer-listener'],
];

function reverseLinks(
  byType: ReadonlyMap<string, readonly ContrailObject[]>,
  byName: ReadonlyMap<string, ContrailObject>,
  resolve: (type: string, reference: Reference) => ContrailObject | undefined,
) {
  const referrers = new Map<string, ContrailObject[]>();
  const children = new Map<string, ContrailObject[]>();
  for (const [type, target] of LINKED) {
    for (const object of byType.get(type) ?? []) {
      for (const reference of referencesOf(object, target)) {
        const found = resolve(target, reference);
        if (found !== undefined) append(referrers, nameKey(type, found.uuid), object);
      }
    }
  }
  for (const member of byType.get('loadbalancer-member') ?? []) {
    const parent = member.parent_uuid ?? byName.get(nameKey('loadbalancer-pool', fqNameText(member.fq_name.slice(0, -1))))?.uuid;
    if (parent !== undefined) append(children, nameKey(member.type, parent), member);
  }
  return { referrers, children };
}

function nameKey(type: string, name: string): string {
  return `${type} ${name}`;
}

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
