/** What the workers see of Kubernetes: its reflectors, indices over them, and the keys that their changes cause. */
import { tagText } from '../contrail/desired/tag.ts';
import type { Names } from '../contrail/names.ts';
import { ANNOTATION } from '../kubernetes/annotations.ts';
import type { Reflector } from '../kubernetes/cache.ts';
import { selectingServices } from '../kubernetes/chain-work.ts';
import { connectedNetworks } from '../kubernetes/connected-networks.ts';
import { namespaceOfNetwork } from '../kubernetes/custom-network.ts';
import { isForHolder } from '../kubernetes/floating-ip.ts';
import type { SlimNetworkPolicy } from '../kubernetes/network-policy.ts';
import type { SlimNamespace, SlimPod } from '../kubernetes/objects.ts';
import type { SlimEndpointSlice } from '../kubernetes/services.ts';
import type { ChainRelations } from './chain-relations.ts';
import { createGroups, type Groups, placeOf } from './groups.ts';
import {
  appKey,
  attachmentKey,
  floatingIpKey,
  floatingIpPoolKey,
  ingressKey,
  clusterKey,
  clusterPolicyKey,
  connectionKey,
  labelKey,
  logicalRouterKey,
  namespaceKey,
  networkKey,
  networkPolicyKey,
  nodeKey,
  podKey,
  serviceChainKey,
  serviceKey,
  virtualNetworkKey,
} from './keys.ts';
import { analyzerOfPolicy } from './mirrors.ts';
import { labelTags } from './label-tags.ts';
import { byAge } from './namespaces.ts';
import { appOfNetwork, customNetworksOfPod, networksOfPod } from './pod-networks.ts';
import { podsNear, policyRelations } from './policy-relations.ts';
import { type Caches, createReflectors, type ReflectingOptions } from './reflectors.ts';
import { type RelatedView, relatedKeys } from './related.ts';

export interface ClusterView extends RelatedView, Caches {
  /** The pods of a namespace. */
  readonly podsOf: (namespace: string) => readonly SlimPod[];
  /** The policies that can concern pods of a namespace: its own, and those whose peers may be anywhere. */
  readonly policiesFor: (namespace: string) => readonly SlimNetworkPolicy[];
  /** The pods that a policy can concern. */
  readonly podsNear: (policy: SlimNetworkPolicy) => readonly SlimPod[];
  /** Keys of the pods that are in a network, or are to be in it; its name in the colon form. */
  readonly podsInNetwork: (network: string) => readonly string[];
  /** The pods of a namespace that are in a network. */
  readonly podsOfIn: (namespace: string, network: string) => readonly SlimPod[];
  /** Whether a pod's label, or its namespace's, stands for a tag (`app=web`). */
  readonly carriesTag: (tag: string) => boolean;
  readonly slicesOf: (namespace: string, service: string) => readonly SlimEndpointSlice[];
  readonly whenSynced: () => Promise<void>;
  /** Whether every cache is complete and has an open watch. */
  readonly isFresh: () => boolean;
  /** Every key there is, in the order in which keys need each other. */
  readonly allKeys: () => readonly string[];
}

export interface WatchOptions extends ReflectingOptions {
  readonly cluster: string;
  readonly names: Names;
  readonly enqueue: (keys: Iterable<string>) => void;
}

/** Starts watching; runs until `signal` aborts. Pods of the host's network are left out: they have no port of ours. */
export function watchCluster(options: WatchOptions): ClusterView {
  const groups = createGroups(options.names);
  const labels = labelRelations(groups, () => view);
  const related: RelatedView = {
    servicesOf: (namespace) => groups.servicesByNamespace.get(namespace).map(({ name }) => name),
    ingressKeys: (namespace) =>
      (namespace === undefined ? view.ingresses.list() : groups.ingressesByNamespace.get(namespace)).map((ingress) =>
        ingressKey(ingress.namespace, ingress.name),
      ),
    podsIn: (namespace) => keysOf(groups.podsByNamespace.get(namespace)),
    podsOn: (node) => keysOf(groups.podsByNode.get(node)),
    mirroredTo: ({ namespace, name }) => [
      ...keysMirroredTo(`${namespace}/${name}`, groups),
      ...policiesMirroredTo(`${namespace}/${name}`, view),
    ],
    networksOf: (pod) => customNetworksOfPod(pod, options.names),
    attachmentsOf: (network) => attachmentsOf(network, options.names),
    clusterKey: clusterKey(options.cluster),
    poolKeys: () => view.floatingIpPools.list().map(({ name }) => floatingIpPoolKey(name)),
    usersOfPool: (name) => usersOfPool(name, view),
    connectionsOf: (network) => [
      ...groups.connectionsByNetwork.get(network).map(({ namespace, name }) => connectionKey(namespace, name)),
      ...groups.routersByNetwork.get(network).map(({ namespace, name }) => logicalRouterKey(namespace, name)),
      ...groups.chainsByNetwork.get(network).map(({ namespace, name }) => serviceChainKey(namespace, name)),
    ],
    networkOf: (namespace, name) => options.names.virtualNetwork(namespace, name).join(':'),
    appsIn: (namespace) => appsIn(groups.podsByNamespace.get(namespace), options.names),
    ...policyRelations(groups, () => view),
    ...chainRelations(groups, options.names),
    ...labels,
    floatingIpsFor: (holder) => floatingIpsFor(holder, groups),
    hasOutdated: (namespace) => view.namespaces.get(namespace)?.annotations[ANNOTATION.status] !== undefined,
  };
  const view = createReflectors(options, groups, (change) => options.enqueue(relatedKeys(change, related)));
  const caches: readonly Reflector<unknown>[] = Object.values(view);
  return {
    ...view,
    ...related,
    policiesFor: groups.policiesFor,
    podsNear: podsNear(groups, view),
    podsOf: (namespace) => groups.podsByNamespace.get(namespace),
    podsInNetwork: (network) => keysOf(groups.podsByNetwork.get(network)),
    podsOfIn: (namespace, network) => groups.podsByNetwork.get(placeOf(namespace, network)),
    carriesTag: labels.carriesTag,
    slicesOf: (namespace, service) => groups.slicesByService.get(`${namespace}/${service}`),
    whenSynced: async () => void (await Promise.all(caches.map((cache) => cache.whenSynced()))),
    isFresh: () => caches.every((cache) => cache.synced && cache.stalenessMs() === 0),
    allKeys: () => allKeys(view, related),
  };
}

/** Keys of the floating IPs that a pod or a Service may hold. */
function floatingIpsFor(
  holder: Parameters<RelatedView['floatingIpsFor']>[0],
  { floatingIpsByNamespace }: Groups,
): readonly string[] {
  return floatingIpsByNamespace
    .get(holder.namespace)
    .filter((floating) => isForHolder(floating, holder))
    .map(({ namespace, name }) => floatingIpKey(namespace, name));
}

/** Every key there is of the cluster that the caches show. */
function allKeys(view: Caches, related: RelatedView): readonly string[] {
  return [
    related.clusterKey,
    ...[...view.namespaces.list()].sort(byAge).map(({ name }) => namespaceKey(name)),
    ...view.nodes.list().map(({ name }) => nodeKey(name)),
    ...view.definitions.list().map(({ namespace, name }) => attachmentKey(namespace, name)),
    ...view.virtualNetworks.list().map(({ namespace, name }) => virtualNetworkKey(namespace, name)),
    ...related.poolKeys(),
    ...view.serviceChains.list().map(({ namespace, name }) => serviceChainKey(namespace, name)),
    ...view.connections.list().map(({ namespace, name }) => connectionKey(namespace, name)),
    ...new Set(view.pods.list().flatMap((pod) => related.networksOf(pod).flatMap(related.attachmentsOf))),
    ...view.policies.list().map(({ namespace, name }) => networkPolicyKey(namespace, name)),
    ...view.clusterPolicies.list().map(({ name }) => clusterPolicyKey(name)),
    ...keysOf(view.pods.list().filter(({ nodeName }) => nodeName !== undefined)),
    ...view.services.list().map(({ namespace, name }) => serviceKey(namespace, name)),
    ...view.ingresses.list().map(({ namespace, name }) => ingressKey(namespace, name)),
    ...view.floatingIps.list().map(({ namespace, name }) => floatingIpKey(namespace, name)),
    ...view.logicalRouters.list().map(({ namespace, name }) => logicalRouterKey(namespace, name)),
  ];
}

function chainRelations(groups: Groups, names: Names): ChainRelations {
  const { chainsByNamespace, podsByNamespace, connectionsThrough, connectionsByNetwork } = groups;
  return {
    chainsOf: (namespace) => chainsByNamespace.get(namespace),
    chainsSelecting: (pod) =>
      chainsByNamespace.get(pod.namespace).filter((chain) => selectingServices(chain, pod).length > 0),
    podsOfChain: (chain) =>
      keysOf(podsByNamespace.get(chain.namespace).filter((pod) => selectingServices(chain, pod).length > 0)),
    connectionsThrough: (namespace, chain) =>
      connectionsThrough.get(`${namespace}/${chain}`).map(({ name }) => connectionKey(namespace, name)),
    connectionsBeside: (connection) =>
      connectedNetworks(connection, names).networks.flatMap((network) =>
        connectionsByNetwork.get(network.join(':')).map(({ namespace, name }) => connectionKey(namespace, name)),
      ),
  };
}

function labelRelations(
  { podsByTag }: Groups,
  view: () => Pick<Caches, 'namespaces'>,
): Pick<ClusterView, 'carriesTag' | 'labelsLeftBy'> {
  const carriesTag = (tag: string): boolean =>
    podsByTag.get(tag).length > 0 ||
    view()
      .namespaces.list()
      .some((namespace) => hasTag(namespace, tag));
  return {
    carriesTag,
    labelsLeftBy: (pod) => {
      const namespaceLabels = view().namespaces.get(pod.namespace)?.labels ?? {};
      const tags = labelTags({ pod, namespaceLabels }).map(tagText);
      return tags.filter((tag) => !carriesTag(tag)).map(labelKey);
    },
  };
}

/** What a namespace's own labels make its pods carry. */
function hasTag({ name, labels }: SlimNamespace, tag: string): boolean {
  const pod = { namespace: name, labels: {} };
  return labelTags({ pod, namespaceLabels: labels }).some((each) => tagText(each) === tag);
}

function keysOf(pods: readonly SlimPod[]): readonly string[] {
  return pods.map(({ namespace, name }) => podKey(namespace, name));
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

/** Keys of the policies that have what they accept copied to a pod, `namespace/name`. */
function policiesMirroredTo(analyzer: string, { clusterPolicies }: Caches): readonly string[] {
  const mirrored = clusterPolicies.list().filter((policy) => analyzerOfPolicy(policy) === analyzer);
  return mirrored.map(({ name }) => clusterPolicyKey(name));
}

/** Whose traffic is copied to a pod, `namespace/name`: keys of pods, and of connections. */
function keysMirroredTo(analyzer: string, { podsByAnalyzer, connectionsByAnalyzer }: Groups): readonly string[] {
  const connections = connectionsByAnalyzer.get(analyzer).map(({ namespace, name }) => connectionKey(namespace, name));
  return [...keysOf(podsByAnalyzer.get(analyzer)), ...connections];
}

/** Keys of those who have, or may get, addresses of a pool; Services need not name it. */
function usersOfPool(
  name: string,
  view: Pick<ReturnType<typeof createReflectors>, 'services' | 'floatingIps' | 'logicalRouters'>,
): readonly string[] {
  const balanced = view.services.list().filter(({ balancer }) => balancer !== undefined);
  const floating = view.floatingIps.list().filter(({ pool }) => pool === name);
  const routers = view.logicalRouters.list().filter(({ pool }) => pool === name);
  return [
    ...balanced.map((each) => serviceKey(each.namespace, each.name)),
    ...floating.map((each) => floatingIpKey(each.namespace, each.name)),
    ...routers.map((each) => logicalRouterKey(each.namespace, each.name)),
  ];
}
