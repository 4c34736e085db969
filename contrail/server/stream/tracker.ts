/** One node's span as it grows and shrinks: who is in it since when, and who has left. */
import type { StoredObject } from '../store/objects.ts';
import type { CacheChange, CacheView } from './cache.ts';
import { isAtInterface, isFlat } from './floating.ts';
import { refsOf, some } from './links.ts';
import { ServedPools } from './served-pools.ts';
import { affectedBy, includes, type Local, localOf, type Scope, type ScopeDeps, scopeOf } from './span.ts';

/** What a watcher is told. */
export type SpanEvent =
  | { readonly kind: 'put'; readonly object: StoredObject }
  | { readonly kind: 'delete'; readonly uuid: string; readonly type: string };

interface Departure {
  readonly uuid: string;
  readonly type: string;
  readonly revision: number;
}

/** Departures remembered for watchers that come back. */
const MAX_DEPARTURES = 20_000;

/** Follows one node (`undefined`: the whole configuration) from the revision at which it was made. */
export class SpanTracker {
  readonly #node: string | undefined;
  readonly #deps: ScopeDeps;
  /** Members with the revision at which they entered or last changed. */
  readonly #members = new Map<string, { type: string; revision: number }>();
  #departures: Departure[] = [];
  #firstRevision: number;
  #scope: Scope | undefined;
  readonly #served: ServedPools;
  #version = -1;

  constructor(node: string | undefined, deps: ScopeDeps, revision: number) {
    this.#node = node;
    this.#deps = deps;
    this.#firstRevision = revision;
    this.#served = new ServedPools(deps.cache);
    if (node !== undefined) {
      const local = localOf(deps.cache, node);
      this.#served.follow([], local.ports);
      this.#scope = this.#scopeOf(node, local);
    }
    for (const object of deps.cache.all())
      if (this.#includes(object)) this.#members.set(object.uuid, { type: object.type, revision });
  }

  get size(): number {
    return this.#members.size;
  }

  /** All members. */
  all(): StoredObject[] {
    return [...this.#members.keys()].flatMap((uuid) => this.#deps.cache.get(uuid) ?? []);
  }

  /** What has changed since a revision; `undefined` where that is further back than is remembered. */
  since(revision: number): SpanEvent[] | undefined {
    if (revision < this.#firstRevision) return undefined;
    const left = this.#departures.filter((gone) => gone.revision > revision && !this.#members.has(gone.uuid));
    const entered = [...this.#members].filter(([, member]) => member.revision > revision);
    return [
      ...entered.flatMap(([uuid]): SpanEvent[] => {
        const object = this.#deps.cache.get(uuid);
        return object === undefined ? [] : [{ kind: 'put', object }];
      }),
      ...left.map(({ uuid, type }): SpanEvent => ({ kind: 'delete', uuid, type })),
    ];
  }

  /** Takes in a batch of changes that the cache has taken in; returns what a watcher must be told. */
  update(changes: readonly CacheChange[], affected: ReadonlySet<string>, revision: number): SpanEvent[] {
    const changed = new Set(changes.map(({ uuid }) => uuid));
    const uuids = new Set([...affected, ...this.#rescope(changes)]);
    return [...uuids].flatMap((uuid) => this.#judge(uuid, changed.has(uuid), revision));
  }

  #includes(object: StoredObject): boolean {
    return this.#scope === undefined || includes(this.#deps.cache, this.#scope, object);
  }

  /** Whether what runs on this node may have changed: its router, or a port of one of its machines. */
  #concernsLocal(changes: readonly CacheChange[], local: Local): boolean {
    return changes.some(({ before, after }) =>
      [before, after].some((object) => object !== undefined && this.#isLocal(object, local)),
    );
  }

  #isLocal(object: StoredObject, local: Local): boolean {
    const { type, uuid, fqName } = object;
    switch (type) {
      case 'virtual-router':
        return fqName.at(-1) === this.#node;
      case 'virtual-network':
        return fqName.at(-1) === 'ip-fabric' || local.networks.has(uuid) || isAtInterface(object);
      // They may give tags to ports.
      case 'project':
        return local.projects.has(uuid);
      case 'virtual-machine':
        return local.machines.has(uuid);
      case 'virtual-machine-interface':
        return refsOf(object, 'virtual_machine_refs').some((machine) => local.machines.has(machine));
      case 'floating-ip':
        return refsOf(object, 'virtual_machine_interface_refs').some((port) => local.ports.has(port));
      default:
        return false;
    }
  }

  #scopeOf(node: string, local: Local): Scope {
    this.#version = versionOf(this.#deps);
    return scopeOf(this.#deps, { node, local, served: this.#served });
  }

  /** Works the scope out anew where it may be another; what may have entered or left with it grows with what moved, not with the cluster. */
  #rescope(changes: readonly CacheChange[]): string[] {
    const [node, old] = [this.#node, this.#scope];
    if (node === undefined || old === undefined) return [];
    const isLocal = this.#concernsLocal(changes, old.local);
    const local = isLocal ? localOf(this.#deps.cache, node) : old.local;
    const isServedElse = this.#served.follow(changes, local.ports);
    if (!isLocal && !isServedElse && this.#version === versionOf(this.#deps)) return [];
    const scope = this.#scopeOf(node, local);
    this.#scope = scope;
    const networks = [...old.networks.symmetricDifference(scope.networks)];
    return [
      ...old.local.machines.symmetricDifference(scope.local.machines),
      ...old.local.groups.symmetricDifference(scope.local.groups),
      ...this.#setsOf(old.local, scope.local),
      ...[...old.guided.symmetricDifference(scope.guided)].flatMap((uuid) =>
        refsOf(this.#deps.cache.get(uuid), 'network_ipam_refs'),
      ),
      ...networks.flatMap((uuid) => [...inNetwork(this.#deps.cache, uuid)]),
    ];
  }

  /** Policy sets that may have entered or left, with all that follows from them. */
  #setsOf(old: Local, local: Local): string[] {
    const { cache } = this.#deps;
    const holders = [...old.tags.symmetricDifference(local.tags), ...old.projects.symmetricDifference(local.projects)];
    return holders.flatMap((uuid) =>
      [...cache.linked(uuid, 'application-policy-set')].flatMap((set) => {
        const found = cache.get(set);
        return found === undefined ? [] : [...affectedBy(cache, found)];
      }),
    );
  }

  #judge(uuid: string, isChanged: boolean, revision: number): SpanEvent[] {
    const object = this.#deps.cache.get(uuid);
    const member = this.#members.get(uuid);
    if (object !== undefined && this.#includes(object)) {
      if (member !== undefined && !isChanged) return [];
      this.#members.set(uuid, { type: object.type, revision });
      return [{ kind: 'put', object }];
    }
    if (member === undefined) return [];
    this.#members.delete(uuid);
    this.#depart({ uuid, type: member.type, revision });
    return [{ kind: 'delete', uuid, type: member.type }];
  }

  #depart(departure: Departure): void {
    this.#departures.push(departure);
    if (this.#departures.length <= MAX_DEPARTURES * 2) return;
    this.#departures = this.#departures.slice(-MAX_DEPARTURES);
    this.#firstRevision = Math.max(this.#firstRevision, this.#departures[0]?.revision ?? 0);
  }
}

/** Grows whenever a scope may have changed. */
function versionOf({ pairs, guidance }: ScopeDeps): number {
  return pairs.version + guidance.version;
}

/** Everything whose membership a batch can change, for all nodes alike. */
export function affectedByAll(cache: CacheView, changes: readonly CacheChange[]): Set<string> {
  const affected = new Set<string>();
  const released = new Set(changes.flatMap(({ before }) => (before === undefined ? [] : portsBy(cache, before))));
  for (const change of changes) {
    const { uuid, before, after } = change;
    affected.add(uuid);
    // What names a port may be read after it has gone, too.
    const isNamed = released.has(uuid) || some(cache.linked(uuid, 'floating-ip'), () => true);
    const left = isNamed ? leftNetworks(change).map((network) => cache.get(network)) : [];
    for (const object of [before, after, ...left].filter((each) => each !== undefined)) {
      for (const other of affectedBy(cache, object)) affected.add(other);
    }
    // Whose addresses overlap with others' by now, or no longer.
    if (isFlat(before) !== isFlat(after)) for (const other of inNetwork(cache, uuid)) affected.add(other);
  }
  return affected;
}

/** The ports that networks are known by, of what names these. */
function portsBy(cache: CacheView, object: StoredObject): readonly string[] {
  return object.type === 'floating-ip' || object.type === 'loadbalancer-member' ? cache.links(object) : [];
}

/** A port that has gone may have been all that its network was known by. */
function leftNetworks({ before, after }: CacheChange): readonly string[] {
  if (before?.type !== 'virtual-machine-interface') return [];
  const remaining = refsOf(after, 'virtual_network_refs');
  return refsOf(before, 'virtual_network_refs').filter((uuid) => !remaining.includes(uuid));
}

/** A network with everything whose membership follows from its own. */
function inNetwork(cache: CacheView, uuid: string): Set<string> {
  const affected = new Set([uuid, ...cache.linked(uuid, 'instance-ip')]);
  for (const each of [uuid, ...cache.linked(uuid, 'virtual-machine-interface')]) {
    const object = cache.get(each);
    if (object !== undefined) for (const other of affectedBy(cache, object)) affected.add(other);
  }
  return affected;
}
