/** What every reconcile is given, and the values that pass between its steps. Types only. */
import type { ContrailClient } from '../contrail/client.ts';
import type { ContrailObject } from '../contrail/objects.ts';
import type { Family } from '../contrail/desired/pod.ts';
import type { End } from '../contrail/reference.ts';
import type { KubeClient } from '../kubernetes/client.ts';
import type { Logger } from '../runtime/log.ts';
import type { ClusterSettings } from './cluster-settings.ts';
import type { Digests } from './digests.ts';
import type { Key } from './keys.ts';
import type { KnownUids } from './known-uids.ts';
import type { NameCache } from './name-cache.ts';
import type { NetworkFacts } from './network-facts.ts';
import type { RememberedIds } from './remembered-ids.ts';
import type { ClusterView } from './watch.ts';

export interface Deps {
  readonly kube: KubeClient;
  readonly contrail: ContrailClient;
  readonly view: ClusterView;
  readonly settings: ClusterSettings;
  readonly names: NameCache;
  readonly networks: NetworkFacts;
  readonly digests: Digests;
  readonly uids: KnownUids;
  readonly enqueue: (keys: Iterable<string>) => void;
  readonly log: Logger;
  /** Aborts when the run has lost its lock, or the program stops. */
  readonly signal: AbortSignal;
  /** Whether to look at Contrail even though nothing has changed in Kubernetes: resync and rebuild do. */
  readonly force: boolean;
  /** In a rebuild: the number that each network is to have again. Otherwise the server draws one. */
  readonly networkIds?: RememberedIds;
  /** Addresses that this run has chosen before, and that were somebody's. */
  readonly taken?: readonly string[];
}

/** In a rebuild a run asks for what has been given already, and for nothing else: until it ends, nothing new is given. */
export function isRebuild({ networkIds }: Pick<Deps, 'networkIds'>): boolean {
  return networkIds !== undefined;
}

/** What Contrail holds that concerns a key, or the keys whose objects must exist before it can be looked at. */
export type Observation =
  | {
      readonly kind: 'observed';
      /** Objects under names of ours, whoever owns them. */
      readonly found: readonly ContrailObject[];
      /** An object of another owner that the desired ones refer to: a pod's router, the cluster's ip-fabric network. */
      readonly anchor?: End;
      /** The families of the networks of interfaces that are to get their first addresses, by the networks' names. */
      readonly families?: ReadonlyMap<string, readonly Family[]>;
      /** Addresses that were chosen for the first interface from a pool. */
      readonly pooled?: readonly string[];
    }
  | { readonly kind: 'waiting'; readonly missing: string; readonly keys: readonly string[] };

/** What writing is given besides: `pooled` is the observation's. */
export type ApplyDeps = Deps & { readonly pooled?: readonly string[] };

/** The steps of one kind. `I` is all that Kubernetes says which concerns a key. */
export interface Reconciler<I> {
  /** Gathers from Kubernetes; `undefined` only after a live read confirmed that there is nothing to stand in Contrail. */
  readonly input: (key: Key, deps: Deps) => Promise<I | undefined>;
  /** Gathers from Contrail, by names and UUIDs that the key alone, or an earlier input, determines. */
  readonly observe: (key: Key, input: I | undefined, deps: Deps) => Promise<Observation>;
  /** Pure. */
  readonly desired: (
    input: I,
    settings: ClusterSettings,
    observation: Extract<Observation, { kind: 'observed' }>,
  ) => readonly ContrailObject[];
  /** What the object still waits for once everything stands that it asks for: it is looked at again soon. Pure. */
  readonly pending?: (input: I) => string | undefined;
  /**
   * What a refusal of Contrail means to the user, or `undefined` where the server's own words say it best. A `TakenMeanwhile` has
   * the run choose again.
   */
  readonly explain?: (error: unknown, input: I, deps: ApplyDeps) => Promise<Error | undefined>;
  /** The input to choose again by, where that of the run itself leaves nothing to choose. Pure. */
  readonly otherwise?: (input: I) => I;
  /**
   * Writes results back to Kubernetes and yields the input as it will be seen then, so that our own write does not cause
   * a second look at Contrail.
   */
  readonly finish?: (input: I, deps: Deps) => Promise<I>;
  /** Notes that nothing of a key's is left. */
  readonly end?: (key: Key, deps: Deps) => Promise<void>;
}
