/**
 * The pools that ports of one node are members of, and where these are asked; kept as the configuration changes, since a node is behind
 * thousands of services and a change concerns one.
 */
import type { StoredObject } from '../store/objects.ts';
import type { CacheChange, CacheView } from './cache.ts';
import { isAt, refsOf, some } from './links.ts';
import { type Serving, servingOf } from './serving.ts';

/** Where a node's services are asked. */
export interface Served {
  /** The networks of their virtual addresses. */
  readonly networks: () => Iterable<string>;
  /** Whether one of them is reached at nodes, too. */
  readonly isExposed: () => boolean;
}

export class ServedPools implements Served {
  readonly #cache: CacheView;
  #ports: ReadonlySet<string> = new Set();
  readonly #pools = new Map<string, Serving>();
  /** Pools by what stands before them, by network, and those that are exposed. */
  readonly #behind = new Map<string, Set<string>>();
  readonly #byNetwork = new Map<string, Set<string>>();
  readonly #exposed = new Set<string>();

  constructor(cache: CacheView) {
    this.#cache = cache;
  }

  readonly networks = (): Iterable<string> => this.#byNetwork.keys();
  readonly isExposed = (): boolean => this.#exposed.size > 0;

  /** Takes in changes that the cache has taken in, and the node's ports; answers whether what is `Served` is otherwise now. */
  follow(changes: readonly CacheChange[], ports: ReadonlySet<string>): boolean {
    const touched = changes.flatMap(({ before, after }) =>
      [before, after].flatMap((each) => this.#poolsOf(each, ports)),
    );
    const moved = this.#ports === ports ? [] : [...this.#ports.symmetricDifference(ports)];
    const members = moved.flatMap((port) => [...this.#cache.linked(port, 'loadbalancer-member')]);
    const pools = new Set([...touched, ...members.flatMap((uuid) => this.#cache.get(uuid)?.parentUuid ?? [])]);
    this.#ports = ports;
    if (pools.size === 0) return false;
    const before = this.#text();
    for (const pool of pools) this.#renew(pool);
    return this.#text() !== before;
  }

  /** What is `Served`, to be compared. */
  #text(): string {
    return `${this.isExposed()} ${[...this.networks()].sort().join(' ')}`;
  }

  /** The pools that an object of before or after a change may concern. */
  #poolsOf(object: StoredObject | undefined, ports: ReadonlySet<string>): readonly string[] {
    if (object === undefined) return [];
    const { type, uuid, parentUuid } = object;
    const before = (each: string): readonly string[] => [...(this.#behind.get(each) ?? [])];
    if (type === 'floating-ip') return refsOf(object, 'virtual_machine_interface_refs').flatMap(before);
    if (type !== 'loadbalancer-member') return before(uuid);
    const isOwn = this.#cache.links(object).some((link) => ports.has(link) || this.#ports.has(link));
    return isOwn && parentUuid !== undefined ? [parentUuid] : [];
  }

  #renew(pool: string): void {
    this.#forget(pool);
    if (!this.#hasOwn(pool)) return;
    const serving = servingOf(this.#cache, pool);
    this.#pools.set(pool, serving);
    for (const uuid of serving.objects) keep(this.#behind, uuid, pool);
    for (const network of serving.networks) keep(this.#byNetwork, network, pool);
    if (serving.isExposed) this.#exposed.add(pool);
  }

  #forget(pool: string): void {
    const known = this.#pools.get(pool);
    for (const uuid of known?.objects ?? []) drop(this.#behind, uuid, pool);
    for (const network of known?.networks ?? []) drop(this.#byNetwork, network, pool);
    this.#pools.delete(pool);
    this.#exposed.delete(pool);
  }

  #hasOwn(pool: string): boolean {
    const isOwn = (member: StoredObject): boolean => this.#cache.links(member).some((link) => this.#ports.has(link));
    return some(this.#cache.linked(pool, 'loadbalancer-member'), (member) => isAt(this.#cache, member, isOwn));
  }
}

function keep(sets: Map<string, Set<string>>, key: string, value: string): void {
  sets.set(key, (sets.get(key) ?? new Set()).add(value));
}

function drop(sets: Map<string, Set<string>>, key: string, value: string): void {
  const set = sets.get(key);
  set?.delete(value);
  if (set?.size === 0) sets.delete(key);
}
