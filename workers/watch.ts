/** What the workers see of Kubernetes: six reflectors, indices over them, and the keys that their changes cause. */
import { createReflector, type Reflector, type ReflectorOptions } from '../kubernetes/cache.ts';
import type { CacheMetrics } from '../kubernetes/cache-metrics.ts';
import {
  ATTACHMENT_DEFINITIONS,
  type SlimAttachmentDefinition,
  slimAttachmentDefinition,
} from '../kubernetes/attachment-definition.ts';
import type { KubeClient, KubeObject } from '../kubernetes/client.ts';
import {
  type SlimEndpointSlice,
  type SlimNode,
  type SlimPod,
  slimEndpointSlice,
  slimNode,
  slimPod,
} from '../kubernetes/objects.ts';
import type { Logger } from '../runtime/log.ts';
import { Grouping } from './grouping.ts';
import { attachmentKey, clusterKey, namespaceKey, nodeKey, podKey, serviceKey } from './keys.ts';
import { byAge, type WorkerNamespace, workerNamespace } from './namespaces.ts';
import { type RelatedView, relatedKeys, type SourceChange } from './related.ts';
import { slimWorkerService, type WorkerService } from './services.ts';

export interface ClusterView extends RelatedView {
  readonly pods: Reflector<SlimPod>;
  readonly namespaces: Reflector<WorkerNamespace>;
  readonly nodes: Reflector<SlimNode>;
  readonly definitions: Reflector<SlimAttachmentDefinition>;
  readonly services: Reflector<WorkerService>;
  readonly slices: Reflector<SlimEndpointSlice>;
  readonly podsOf: (namespace: string) => readonly SlimPod[];
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
  const groups = createGroups();
  const related: RelatedView = {
    servicesOf: (namespace) => groups.servicesByNamespace.get(namespace).map(({ name }) => name),
    podsIn: (namespace) => keysOf(groups.podsByNamespace.get(namespace)),
    podsOn: (node) => keysOf(groups.podsByNode.get(node)),
  };
  const view = reflectors(options, groups, (change) => options.enqueue(relatedKeys(change, related)));
  const caches: readonly Reflector<unknown>[] = Object.values(view);
  return {
    ...view,
    ...related,
    podsOf: (namespace) => groups.podsByNamespace.get(namespace),
    slicesOf: (namespace, service) => groups.slicesByService.get(`${namespace}/${service}`),
    whenSynced: async () => void (await Promise.all(caches.map((cache) => cache.whenSynced()))),
    isFresh: () => caches.every((cache) => cache.synced && cache.stalenessMs() === 0),
    allKeys: () => [
      clusterKey(options.cluster),
      ...[...view.namespaces.list()].sort(byAge).map(({ name }) => namespaceKey(name)),
      ...view.nodes.list().map(({ name }) => nodeKey(name)),
      ...view.definitions.list().map(({ namespace, name }) => attachmentKey(namespace, name)),
      ...keysOf(view.pods.list().filter(({ nodeName }) => nodeName !== undefined)),
      ...view.services.list().map(({ namespace, name }) => serviceKey(namespace, name)),
    ],
  };
}

function keysOf(pods: readonly SlimPod[]): readonly string[] {
  return pods.map(({ namespace, name }) => podKey(namespace, name));
}

type Groups = ReturnType<typeof createGroups>;

function createGroups() {
  return {
    slicesByService: new Grouping<SlimEndpointSlice>(({ namespace, service }) =>
      service === undefined ? undefined : `${namespace}/${service}`,
    ),
    servicesByNamespace: new Grouping<WorkerService>(({ namespace }) => namespace),
    podsByNamespace: new Grouping<SlimPod>(({ namespace }) => namespace),
    podsByNode: new Grouping<SlimPod>(({ nodeName }) => nodeName),
  };
}

/** The six reflectors. Every change is first taken into the groups, then told. */
function reflectors(options: WatchOptions, groups: Groups, tell: (change: SourceChange) => void) {
  const { client, signal, log, metrics } = options;
  const reflect = <T>(
    rest: Pick<ReflectorOptions<T>, 'path' | 'project' | 'onChange' | 'mayBeUnknown'>,
  ): Reflector<T> =>
    createReflector<T>({ client, signal, log, ...(metrics === undefined ? {} : { metrics }), ...rest });
  return {
    namespaces: reflect<WorkerNamespace>({
      path: '/api/v1/namespaces',
      project: workerNamespace,
      onChange: (change) => tell({ source: 'Namespace', change }),
    }),
    nodes: reflect<SlimNode>({
      path: '/api/v1/nodes',
      project: slimNode,
      onChange: (change) => tell({ source: 'Node', change }),
    }),
    definitions: reflect<SlimAttachmentDefinition>({
      path: ATTACHMENT_DEFINITIONS,
      project: slimAttachmentDefinition,
      onChange: (change) => tell({ source: 'NetworkAttachmentDefinition', change }),
      mayBeUnknown: true,
    }),
    services: reflect<WorkerService>({
      path: '/api/v1/services',
      project: slimWorkerService,
      onChange: (change) => {
        groups.servicesByNamespace.take(change);
        tell({ source: 'Service', change });
      },
    }),
    slices: reflect<SlimEndpointSlice>({
      path: '/apis/discovery.k8s.io/v1/endpointslices',
      project: slimEndpointSlice,
      onChange: (change) => {
        groups.slicesByService.take(change);
        tell({ source: 'EndpointSlice', change });
      },
    }),
    pods: reflect<SlimPod>({
      path: '/api/v1/pods',
      project: podOfOurs,
      onChange: (change) => {
        groups.podsByNode.take(change);
        groups.podsByNamespace.take(change);
        tell({ source: 'Pod', change });
      },
    }),
  };
}

function podOfOurs(raw: KubeObject): SlimPod | undefined {
  const pod = slimPod(raw);
  return pod.hostNetwork ? undefined : pod;
}
