/** What the workers see of Kubernetes: five reflectors, indices over them, and the keys that their changes cause. */
import { createReflector, type Reflector, type ReflectorOptions } from '../kubernetes/cache.ts';
import type { CacheMetrics } from '../kubernetes/cache-metrics.ts';
import type { KubeClient } from '../kubernetes/client.ts';
import {
  type SlimEndpointSlice,
  type SlimNamespace,
  type SlimNode,
  type SlimPod,
  slimEndpointSlice,
  slimNamespace,
  slimNode,
  slimPod,
} from '../kubernetes/objects.ts';
import type { Logger } from '../runtime/log.ts';
import { clusterKey, namespaceKey, nodeKey, podKey, serviceKey } from './keys.ts';
import { type RelatedView, relatedKeys, type SourceChange } from './related.ts';
import { slimWorkerService, type WorkerService } from './services.ts';

export interface ClusterView extends RelatedView {
  readonly pods: Reflector<SlimPod>;
  readonly namespaces: Reflector<SlimNamespace>;
  readonly nodes: Reflector<SlimNode>;
  readonly services: Reflector<WorkerService>;
  readonly slices: Reflector<SlimEndpointSlice>;
  readonly slicesOf: (namespace: string, service: string) => readonly SlimEndpointSlice[];
  readonly whenSynced: () => Promise<void>;
  /** Whether every cache is complete and has an open watch. */
  readonly isFresh: () => boolean;
  /** Every key there is, in the order in which keys need each other. */
  readonly allKeys: () => readonly string[];
}

export interface WatchOptions {
  readonly client: KubeClient;
  readonly cluster: string;
  readonly enqueue: (keys: Iterable<string>) => void;
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly metrics?: CacheMetrics;
}

/** Starts watching; runs until `signal` aborts. Pods of the host's network are left out: they have no port of ours. */
export function watchCluster(options: WatchOptions): ClusterView {
  const { client, signal, log, metrics, enqueue } = options;
  const slices = new Index<SlimEndpointSlice>(({ namespace, service }) =>
    service === undefined ? undefined : `${namespace}/${service}`,
  );
  const servicesByNamespace = new Index<WorkerService>(({ namespace }) => namespace);
  const podsByNode = new Index<SlimPod>(({ nodeName }) => nodeName);
  const podsByNamespace = new Index<SlimPod>(({ namespace }) => namespace);
  const keysOf = (pods: readonly SlimPod[]) => pods.map(({ namespace, name }) => podKey(namespace, name));
  const related: RelatedView = {
    servicesOf: (namespace) => servicesByNamespace.get(namespace).map(({ name }) => name),
    podsIn: (namespace) => keysOf(podsByNamespace.get(namespace)),
    podsOn: (node) => keysOf(podsByNode.get(node)),
  };
  const tell = (change: SourceChange): void => enqueue(relatedKeys(change, related));
  const reflect = <T>(rest: Pick<ReflectorOptions<T>, 'path' | 'project' | 'onChange'>): Reflector<T> =>
    createReflector<T>({ client, signal, log, ...(metrics === undefined ? {} : { metrics }), ...rest });

  const view = {
    namespaces: reflect<SlimNamespace>({
      path: '/api/v1/namespaces',
      project: slimNamespace,
      onChange: (change) => tell({ source: 'Namespace', change }),
    }),
    nodes: reflect<SlimNode>({
      path: '/api/v1/nodes',
      project: slimNode,
      onChange: (change) => tell({ source: 'Node', change }),
    }),
    services: reflect<WorkerService>({
      path: '/api/v1/services',
      project: slimWorkerService,
      onChange: (change) => {
        servicesByNamespace.take(change);
        tell({ source: 'Service', change });
      },
    }),
    slices: reflect<SlimEndpointSlice>({
      path: '/apis/discovery.k8s.io/v1/endpointslices',
      project: slimEndpointSlice,
      onChange: (change) => {
        slices.take(change);
        tell({ source: 'EndpointSlice', change });
      },
    }),
    pods: reflect<SlimPod>({
      path: '/api/v1/pods',
      project: (raw) => {
        const pod = slimPod(raw);
        return pod.hostNetwork ? undefined : pod;
      },
      onChange: (change) => {
        podsByNode.take(change);
        podsByNamespace.take(change);
        tell({ source: 'Pod', change });
      },
    }),
  };
  const caches: readonly Reflector<unknown>[] = Object.values(view);
  return {
    ...view,
    ...related,
    slicesOf: (namespace, service) => slices.get(`${namespace}/${service}`),
    whenSynced: async () => void (await Promise.all(caches.map((cache) => cache.whenSynced()))),
    isFresh: () => caches.every((cache) => cache.synced && cache.stalenessMs() === 0),
    allKeys: () => [
      clusterKey(options.cluster),
      ...view.namespaces.list().map(({ name }) => namespaceKey(name)),
      ...view.nodes.list().map(({ name }) => nodeKey(name)),
      ...view.pods
        .list()
        .flatMap(({ namespace, name, nodeName }) => (nodeName === undefined ? [] : [podKey(namespace, name)])),
      ...view.services.list().map(({ namespace, name }) => serviceKey(namespace, name)),
    ],
  };
}

/** Objects by something else than their key, kept by the same changes as the cache. */
class Index<T extends { readonly namespace: string; readonly name: string }> {
  private readonly groups = new Map<string, Map<string, T>>();
  private readonly groupOf: (object: T) => string | undefined;

  constructor(groupOf: (object: T) => string | undefined) {
    this.groupOf = groupOf;
  }

  get(group: string): readonly T[] {
    return [...(this.groups.get(group)?.values() ?? [])];
  }

  take(change: { readonly kind: 'put' | 'delete'; readonly object: T; readonly previous?: T }): void {
    if (change.previous !== undefined) this.drop(change.previous);
    if (change.kind === 'delete') return this.drop(change.object);
    const group = this.groupOf(change.object);
    if (group === undefined) return;
    const members = this.groups.get(group) ?? new Map<string, T>();
    members.set(`${change.object.namespace}/${change.object.name}`, change.object);
    this.groups.set(group, members);
  }

  private drop(object: T): void {
    const group = this.groupOf(object);
    if (group === undefined) return;
    const members = this.groups.get(group);
    members?.delete(`${object.namespace}/${object.name}`);
    if (members?.size === 0) this.groups.delete(group);
  }
}
