/** What the workers see of Kubernetes: six reflectors, indices over them, and the keys that their changes cause. */
import { createReflector, type Reflector, type ReflectorOptions } from '../kubernetes/cache.ts';
import type { CacheMetrics } from '../kubernetes/cache-metrics.ts';
import {
  ATTACHMENT_DEFINITIONS,
  type SlimAttachmentDefinition,
  slimAttachmentDefinition,
} from '../kubernetes/attachment-definition.ts';
import type { KubeClient, KubeObject } from '../kubernetes/client.ts';
import { ANNOTATION } from '../kubernetes/annotations.ts';
import { namespaceOfNetwork } from '../kubernetes/custom-network.ts';
import {
  type SlimEndpointSlice,
  type SlimNode,
  type SlimPod,
  slimEndpointSlice,
  slimNode,
  slimPod,
} from '../kubernetes/objects.ts';
import type { Logger } from '../runtime/log.ts';
import type { Names } from '../contrail/names.ts';
import { type SlimVirtualNetwork, slimVirtualNetwork, VIRTUAL_NETWORKS } from '../kubernetes/virtual-network.ts';
import { Grouping } from './grouping.ts';
import {
  appKey,
  attachmentKey,
  clusterKey,
  namespaceKey,
  networkKey,
  nodeKey,
  podKey,
  serviceKey,
  virtualNetworkKey,
} from './keys.ts';
import { byAge, type WorkerNamespace, workerNamespace } from './namespaces.ts';
import { appOfNetwork, customNetworksOfPod, networksOfPod } from './pod-networks.ts';
import { type RelatedView, relatedKeys, type SourceChange } from './related.ts';
import { slimWorkerService, type WorkerService } from './services.ts';

export interface ClusterView extends RelatedView {
  readonly pods: Reflector<SlimPod>;
  readonly namespaces: Reflector<WorkerNamespace>;
  readonly nodes: Reflector<SlimNode>;
  readonly definitions: Reflector<SlimAttachmentDefinition>;
  readonly services: Reflector<WorkerService>;
  readonly slices: Reflector<SlimEndpointSlice>;
  readonly virtualNetworks: Reflector<SlimVirtualNetwork>;
  /** The pods of a namespace. */
  readonly podsOf: (namespace: string) => readonly SlimPod[];
  /** Keys of the pods that are in a network, or are to be in it; its name in the colon form. */
  readonly podsInNetwork: (network: string) => readonly string[];
  /** The pods of a namespace that are in a network. */
  readonly podsOfIn: (namespace: string, network: string) => readonly SlimPod[];
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
  readonly names: Names;
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
    networksOf: (pod) => customNetworksOfPod(pod, options.names),
    attachmentsOf: (network) => attachmentsOf(network, options.names),
    appsIn: (namespace) => appsIn(groups.podsByNamespace.get(namespace), options.names),
    hasOutdated: (namespace) => view.namespaces.get(namespace)?.annotations[ANNOTATION.status] !== undefined,
  };
  const view = reflectors(options, groups, (change) => options.enqueue(relatedKeys(change, related)));
  const caches: readonly Reflector<unknown>[] = Object.values(view);
  return {
    ...view,
    ...related,
    podsOf: (namespace) => groups.podsByNamespace.get(namespace),
    podsInNetwork: (network) => keysOf(groups.podsByNetwork.get(network)),
    podsOfIn: (namespace, network) => groups.podsByNetwork.get(placeOf(namespace, network)),
    slicesOf: (namespace, service) => groups.slicesByService.get(`${namespace}/${service}`),
    whenSynced: async () => void (await Promise.all(caches.map((cache) => cache.whenSynced()))),
    isFresh: () => caches.every((cache) => cache.synced && cache.stalenessMs() === 0),
    allKeys: () => [
      clusterKey(options.cluster),
      ...[...view.namespaces.list()].sort(byAge).map(({ name }) => namespaceKey(name)),
      ...view.nodes.list().map(({ name }) => nodeKey(name)),
      ...view.definitions.list().map(({ namespace, name }) => attachmentKey(namespace, name)),
      ...view.virtualNetworks.list().map(({ namespace, name }) => virtualNetworkKey(namespace, name)),
      ...new Set(view.pods.list().flatMap((pod) => related.networksOf(pod).flatMap(related.attachmentsOf))),
      ...keysOf(view.pods.list().filter(({ nodeName }) => nodeName !== undefined)),
      ...view.services.list().map(({ namespace, name }) => serviceKey(namespace, name)),
    ],
  };
}

function keysOf(pods: readonly SlimPod[]): readonly string[] {
  return pods.map(({ namespace, name }) => podKey(namespace, name));
}

/** Neither name holds a space. */
function placeOf(namespace: string, network: string): string {
  return `${namespace} ${network}`;
}

type Groups = ReturnType<typeof createGroups>;

function createGroups() {
  return {
    slicesByService: new Grouping<SlimEndpointSlice>(({ namespace, service }) =>
      service === undefined ? [] : [`${namespace}/${service}`],
    ),
    podsByNetwork: new Grouping<SlimPod>((pod) =>
      networksOfPod(pod).flatMap((network) => [network, placeOf(pod.namespace, network)]),
    ),
    servicesByNamespace: new Grouping<WorkerService>(({ namespace }) => [namespace]),
    podsByNamespace: new Grouping<SlimPod>(({ namespace }) => [namespace]),
    podsByNode: new Grouping<SlimPod>(({ nodeName }) => (nodeName === undefined ? [] : [nodeName])),
  };
}

/** The reflectors. Every change is first taken into the groups, then told. */
function reflectors(options: WatchOptions, groups: Groups, tell: (change: SourceChange) => void) {
  const reflect = reflecting(options);
  return {
    ...customReflectors(reflect, tell),
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
        groups.podsByNetwork.take(change);
        tell({ source: 'Pod', change });
      },
    }),
  };
}

type Reflect = <T>(rest: Pick<ReflectorOptions<T>, 'path' | 'project' | 'onChange' | 'mayBeUnknown'>) => Reflector<T>;

function reflecting({ client, signal, log, metrics }: WatchOptions): Reflect {
  return (rest) => createReflector({ client, signal, log, ...(metrics === undefined ? {} : { metrics }), ...rest });
}

/** Kinds that are resources of a definition's, which may not be there. */
function customReflectors(reflect: Reflect, tell: (change: SourceChange) => void) {
  return {
    definitions: reflect<SlimAttachmentDefinition>({
      path: ATTACHMENT_DEFINITIONS,
      project: slimAttachmentDefinition,
      onChange: (change) => tell({ source: 'NetworkAttachmentDefinition', change }),
      mayBeUnknown: true,
    }),
    virtualNetworks: reflect<SlimVirtualNetwork>({
      path: VIRTUAL_NETWORKS,
      project: slimVirtualNetwork,
      onChange: (change) => tell({ source: 'VirtualNetwork', change }),
      mayBeUnknown: true,
    }),
  };
}

/** The keys of what hangs on a network: its app, or the VirtualNetwork it may be of and the services it may reach. */
function attachmentsOf(network: string, names: Names): readonly string[] {
  const fqName = network.split(':');
  const namespace = namespaceOfNetwork(fqName, names);
  if (namespace === undefined) return [networkKey(network)];
  const app = appOfNetwork(network, namespace, names);
  if (app !== undefined) return [appKey(namespace, app)];
  return [networkKey(network), virtualNetworkKey(namespace, fqName.at(-1) ?? '')];
}

/** The keys of a namespace's apps: of the networks that its pods are in. */
function appsIn(pods: readonly SlimPod[], names: Names): readonly string[] {
  const keys = pods.flatMap((pod) =>
    networksOfPod(pod).flatMap((network) => {
      const app = appOfNetwork(network, pod.namespace, names);
      return app === undefined ? [] : [appKey(pod.namespace, app)];
    }),
  );
  return [...new Set(keys)];
}

function podOfOurs(raw: KubeObject): SlimPod | undefined {
  const pod = slimPod(raw);
  return pod.hostNetwork ? undefined : pod;
}
