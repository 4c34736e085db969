/**
 * Which networks may talk, by network policies; which have a way outside that may be at any node, by logical routers; and which may ask
 * for floating addresses of pods elsewhere.
 */
import type { PolicyAddress, PolicyRule } from '../../objects.ts';
import type { StoredObject } from '../store/objects.ts';
import type { CacheChange, CacheView } from './cache.ts';
import { mayAsk } from './floating.ts';

/** The network of nodes. */
export const IP_FABRIC = 'default-domain:default-project:ip-fabric';

/** Pairs by network, worked out when asked for and forgotten when a policy or its attachment changes. */
export class NetworkPairs {
  readonly #cache: CacheView;
  readonly #known = new Map<string, ReadonlySet<string>>();
  #routed: ReadonlySet<string> | undefined;
  #asking: ReadonlySet<string> | undefined;
  /** Grows whenever pairs may have changed. */
  version = 0;

  constructor(cache: CacheView) {
    this.#cache = cache;
  }

  /** Tells of changes; only those that can open or close a pair count. */
  note(changes: readonly CacheChange[]): void {
    if (changes.some(touchesPairs)) this.reload();
  }

  /** Forgets everything. */
  reload(): void {
    this.#known.clear();
    this.#routed = undefined;
    this.#asking = undefined;
    this.version += 1;
  }

  /** The networks that this one may exchange packets with in either direction, by some rule; itself not included. */
  of(network: string): ReadonlySet<string> {
    const known = this.#known.get(network) ?? this.#compute(network);
    this.#known.set(network, known);
    return known;
  }

  /** The networks that a logical router has a port in: any node may be the one that translates for them. */
  routed(): ReadonlySet<string> {
    this.#routed ??= new Set(
      [...this.#cache.ofType('logical-router')]
        .flatMap(({ refs }) => refs['virtual_machine_interface_refs'] ?? [])
        .flatMap(({ uuid }) => this.#cache.get(uuid)?.refs['virtual_network_refs'] ?? [])
        .map(({ uuid }) => uuid),
    );
    return this.#routed;
  }

  /** The networks whose pods may ask for floating addresses of networks outside at an interface, wherever these are. */
  asking(): ReadonlySet<string> {
    this.#asking ??= new Set([...this.#cache.ofType('virtual-network')].filter(mayAsk).map(({ uuid }) => uuid));
    return this.#asking;
  }

  #compute(uuid: string): ReadonlySet<string> {
    const refs = this.#cache.get(uuid)?.refs['network_policy_refs'] ?? [];
    const peers = new Set(refs.flatMap((ref) => this.#peersBy(ref.uuid, uuid)));
    peers.delete(uuid);
    return peers;
  }

  /** The networks that one policy pairs with this one: they have the policy too. */
  #peersBy(policy: string, uuid: string): string[] {
    const attached = [...this.#cache.linked(policy, 'virtual-network')];
    return rulesOf(this.#cache.get(policy)).flatMap(({ src_addresses: source, dst_addresses: destination }) => [
      ...this.#across(source, destination, { uuid, attached }),
      ...this.#across(destination, source, { uuid, attached }),
    ]);
  }

  #across(
    near: readonly PolicyAddress[],
    far: readonly PolicyAddress[],
    at: { uuid: string; attached: readonly string[] },
  ): string[] {
    if (!near.some((address) => this.#matches(address, at.uuid))) return [];
    return at.attached.filter((other) => far.some((address) => this.#matches(address, other)));
  }

  /** `network_policy` stands for every network that has that policy; `local` and `any` for every network. */
  #matches({ virtual_network: name, network_policy: policy }: PolicyAddress, network: string): boolean {
    if (name === 'any' || name === 'local') return true;
    if (name) return this.#cache.byName('virtual-network', name) === network;
    if (!policy) return false;
    const uuid = this.#cache.byName('network-policy', policy);
    const refs = this.#cache.get(network)?.refs['network_policy_refs'] ?? [];
    return refs.some((ref) => ref.uuid === uuid);
  }
}

/** The rules of a policy. */
export function rulesOf(policy: StoredObject | undefined): readonly PolicyRule[] {
  return (
    (policy?.properties['network_policy_entries'] as { policy_rule?: PolicyRule[] } | undefined)?.policy_rule ?? []
  );
}

function touchesPairs({ before, after }: CacheChange): boolean {
  const object = after ?? before;
  if (object?.type === 'network-policy' || object?.type === 'logical-router') return true;
  if (object?.type !== 'virtual-network') return false;
  return policiesOf(before) !== policiesOf(after) || mayAsk(before) !== mayAsk(after);
}

function policiesOf(network: StoredObject | undefined): string {
  return (network?.refs['network_policy_refs'] ?? []).map(({ uuid }) => uuid).join();
}
