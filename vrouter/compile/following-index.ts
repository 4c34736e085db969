/**
 * An index that follows a configuration. Of thousands of objects a change concerns a few: these alone are taken out of its lists, and
 * put in. Where an object names another without its UUID, whom it means depends on all others, and everything is indexed anew; the
 * embedded server always gives UUIDs.
 */
import { type ContrailObject, fqNameText, type Reference } from '../../contrail/objects.ts';
import { type ConfigIndex, type ConfigType, type ConfigTypes, LINKED, referencesOf } from './index-config.ts';
import { createLists, createTypes, type KeysOf, type Types } from './lists.ts';

type Objects = ReadonlyMap<string, ContrailObject>;

/** Config objects, and the UUIDs of those that may be others than in the set before; without it all may be. */
export interface ConfigSet {
  readonly objects: Objects;
  readonly changed?: ReadonlySet<string>;
}

export interface FollowingIndex {
  /** Answers by the objects of the last `follow`. */
  readonly index: ConfigIndex;
  /** Takes over a set of objects; answers those that are others than before, as they were and as they are. */
  readonly follow: (config: ConfigSet) => readonly ContrailObject[];
}

/** An index of a set of config objects that stays as it is. */
export function indexConfig(objects: Objects): ConfigIndex {
  const { index, follow } = createIndex();
  follow({ objects });
  return index;
}

/** An index of nothing. */
export function createIndex(): FollowingIndex {
  const objects = new Map<string, ContrailObject>();
  let listed = createListed();
  const vague = new Set<string>();
  const uuids: ConfigIndex['uuids'] = (object, type) =>
    referencesOf(object, type).flatMap((reference) => listed.uuidOf(type, reference) ?? []);
  const found = <K extends ConfigType>(type: K, all: readonly string[]) =>
    typed(
      type,
      all.flatMap((uuid) => objects.get(uuid) ?? []),
    );
  return {
    index: {
      all: (type) => typed(type, listed.types.of(type)),
      get: (type, uuid) => found(type, [uuid]).find((object) => object.type === type),
      targets: (object, type) => found(type, uuids(object, type)),
      follow: (reference, type) => found(type, [listed.uuidOf(type, reference) ?? '']),
      uuids,
      referrers: (uuid, type) => typed(type, listed.referrers.of(listKey(type, uuid))),
      members: (pool) => typed('loadbalancer-member', listed.members.of(pool)),
    },
    follow(next) {
      const { gone, come } = takeOver(objects, next);
      const wasVague = vague.size > 0;
      for (const { uuid } of gone) vague.delete(uuid);
      for (const object of come) if (isVague(object)) vague.add(object.uuid);
      if (wasVague || vague.size > 0) {
        listed = createListed();
        listed.change([], [...objects.values()]);
      } else listed.change(gone, come);
      return [...come, ...gone];
    },
  };
}

/** The lists of an index, and whom a reference means. */
function createListed() {
  const [types, referrers, members] = [createTypes(), createLists(), createLists()];
  const named = createNames(types);
  const uuidOf = (type: string, { uuid, to }: Reference): string | undefined => uuid ?? named.find(type, to)?.uuid;
  const targetsOf: KeysOf = (object) =>
    linksOf(object).map(([target, reference]) => listKey(object.type, uuidOf(target, reference)));
  const poolsOf: KeysOf = ({ type, parent_uuid: parent, fq_name: name }) =>
    type === 'loadbalancer-member' ? [parent ?? named.find('loadbalancer-pool', name.slice(0, -1))?.uuid ?? ''] : [];
  return {
    types,
    referrers,
    members,
    uuidOf,
    change(gone: readonly ContrailObject[], come: readonly ContrailObject[]): void {
      named.forget();
      types.change({ gone, come });
      referrers.change({ gone, come }, targetsOf);
      members.change({ gone, come }, poolsOf);
    },
  };
}

/** Makes a set the same as another one, which may be a live one; answers what has gone and what has come. */
function takeOver(objects: Map<string, ContrailObject>, { objects: next, changed }: ConfigSet) {
  const gone: ContrailObject[] = [];
  const come: ContrailObject[] = [];
  for (const uuid of changed ?? new Set([...objects.keys(), ...next.keys()])) {
    const [before, after] = [objects.get(uuid), next.get(uuid)];
    if (before === after) continue;
    if (before !== undefined) gone.push(before);
    if (after === undefined) objects.delete(uuid);
    else {
      come.push(after);
      objects.set(uuid, after);
    }
  }
  return { gone, come };
}

/** The references that are followed backwards. */
function linksOf(object: ContrailObject): readonly (readonly [target: ConfigType, reference: Reference])[] {
  return (LINKS.get(object.type) ?? []).flatMap((target) =>
    referencesOf(object, target).map((reference) => [target, reference] as const),
  );
}

const LINKS: ReadonlyMap<string, readonly ConfigType[]> = new Map(
  LINKED.map(([type]) => [type, LINKED.flatMap(([referrer, target]) => (referrer === type ? [target] : []))]),
);

/** Whether one of the lists that an object stands in depends on a name. */
function isVague(object: ContrailObject): boolean {
  if (object.type === 'loadbalancer-member') return object.parent_uuid === undefined;
  return linksOf(object).some(([, { uuid }]) => uuid === undefined);
}

function listKey(type: string, uuid = ''): string {
  return `${type} ${uuid}`;
}

/** Names are rarely asked for: those of a type are listed when one is. */
function createNames(types: Types) {
  const made = new Map<string, ReadonlyMap<string, ContrailObject>>();
  return {
    forget: (): void => made.clear(),
    find(type: string, name: readonly string[]): ContrailObject | undefined {
      const known = made.get(type) ?? new Map(types.of(type).map((each) => [fqNameText(each.fq_name), each]));
      made.set(type, known);
      return known.get(fqNameText(name));
    },
  };
}

/** An object of a type has that type's fields: the server has checked them against the schema. */
function typed<K extends ConfigType>(_type: K, found: readonly ContrailObject[]): readonly ConfigTypes[K][] {
  return found as readonly ConfigTypes[K][];
}
