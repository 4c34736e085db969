/**
 * Who leads whom (ADR 0009). A node is in the network `ip-fabric`, and so may reach the pods of nearly every network; only guides are
 * sent all of these. Other nodes are sent a guided network's pods where something else than the fabric asks for them.
 */
import { guidesOf } from '../../guides.ts';
import type { StoredObject } from '../store/objects.ts';
import type { CacheChange, CacheView } from './cache.ts';
import { guidedIn, servedIn, touchesNetworks } from './guided.ts';
import type { NetworkPairs } from './pairs.ts';

/** Guides and guided networks, which are found anew when something that they follow from changes. */
export class Guidance {
  readonly #cache: CacheView;
  readonly #pairs: NetworkPairs;
  #guides: readonly string[] = [];
  #networks: ReadonlySet<string> = new Set();
  #served: ReadonlySet<string> = new Set();
  #pairsVersion = -1;
  /** Grows whenever a guide, or a guided network, has come or gone. */
  version = 0;

  constructor(cache: CacheView, pairs: NetworkPairs) {
    this.#cache = cache;
    this.#pairs = pairs;
  }

  /** Whether a node is sent every pod that nodes may reach. */
  knowsAll(node: string): boolean {
    return this.#guides.length === 0 || this.#guides.includes(node);
  }

  /** The networks whose pods only guides are sent for the fabric’s sake. */
  get networks(): ReadonlySet<string> {
    return this.#networks;
  }

  /** Tells of changes, which `pairs` has been told of. */
  note(changes: readonly CacheChange[]): void {
    const isLedAnew = changes.some(touchesNodes) && this.#takeGuides();
    const mayMove =
      isLedAnew ||
      this.#pairsVersion !== this.#pairs.version ||
      changes.some((each) => touchesNetworks(this.#cache, each, this.#served));
    if (mayMove) this.#takeNetworks();
  }

  /** Looks at everything anew. */
  reload(): void {
    this.#takeGuides();
    this.#takeNetworks();
  }

  /** Whether they are others than before. */
  #takeGuides(): boolean {
    const guides = guidesIn(this.#cache);
    if (guides.join() === this.#guides.join()) return false;
    this.#guides = guides;
    this.version += 1;
    return true;
  }

  /** Where nobody leads, no network is a guided one. */
  #takeNetworks(): void {
    this.#pairsVersion = this.#pairs.version;
    const isLed = this.#guides.length > 0;
    this.#served = isLed ? servedIn(this.#cache) : new Set();
    const networks = isLed ? guidedIn(this.#cache, this.#pairs, this.#served) : new Set<string>();
    const isSame = networks.size === this.#networks.size && [...networks].every((each) => this.#networks.has(each));
    if (isSame) return;
    this.#networks = networks;
    this.version += 1;
  }
}

function guidesIn(cache: CacheView): readonly string[] {
  const routers = [...cache.ofType('virtual-router')].filter(isNode);
  return guidesOf(routers.map(({ fqName }) => fqName.at(-1) ?? ''));
}

function isNode({ type, properties }: StoredObject): boolean {
  return type === 'virtual-router' && properties['virtual_router_ip_address'] !== undefined;
}

/** A node has come or gone. */
function touchesNodes({ before, after }: CacheChange): boolean {
  return (before !== undefined && isNode(before)) !== (after !== undefined && isNode(after));
}
