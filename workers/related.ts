/** Which keys a change in Kubernetes concerns. Pure. */
import { isDeepStrictEqual } from 'node:util';
import { ANNOTATION } from '../kubernetes/annotations.ts';
import type { Change } from '../kubernetes/cache.ts';
import type { SlimAttachmentDefinition } from '../kubernetes/attachment-definition.ts';
import type { SlimFloatingIp } from '../kubernetes/floating-ip.ts';
import type { SlimFloatingIpPool } from '../kubernetes/floating-ip-pool.ts';
import type { SlimIngress, SlimIngressClass } from '../kubernetes/ingress.ts';
import type { SlimLogicalRouter } from '../kubernetes/logical-router.ts';
import type { SlimNetworkConnection } from '../kubernetes/network-connection.ts';
import type { SlimNetworkPolicy } from '../kubernetes/network-policy.ts';
import type { SlimClusterPolicy } from '../kubernetes/cluster-network-policy.ts';
import type { SlimVirtualNetwork } from '../kubernetes/virtual-network.ts';
import type { SlimServiceChain } from '../kubernetes/service-chain.ts';
import type { SlimNamespace, SlimNode, SlimPod } from '../kubernetes/objects.ts';
import type { SlimEndpointSlice, SlimService } from '../kubernetes/services.ts';
import type { SlimServiceCidr } from '../kubernetes/service-cidr.ts';
import { keepsFor, ordinalName, podsOfSet, type SlimStatefulSet } from '../kubernetes/stateful-set.ts';
import { connectionKeys, serviceChainKeys } from './chain-relations.ts';
import {
  attachmentKey,
  clusterPolicyKey,
  floatingIpKey,
  floatingIpPoolKey,
  ingressKey,
  logicalRouterKey,
  namespaceKey,
  networkIdsKey,
  networkPolicyKey,
  nodeKey,
  podKey,
  serviceKey,
  virtualNetworkKey,
} from './keys.ts';
import { keysOfPod, type PodRelations } from './related-pod.ts';

/** A change of one of the watched kinds. */
export type SourceChange =
  | { readonly source: 'Namespace'; readonly change: Change<SlimNamespace> }
  | { readonly source: 'NetworkAttachmentDefinition'; readonly change: Change<SlimAttachmentDefinition> }
  | { readonly source: 'Pod'; readonly change: Change<SlimPod> }
  | { readonly source: 'Node'; readonly change: Change<SlimNode> }
  | { readonly source: 'NetworkPolicy'; readonly change: Change<SlimNetworkPolicy> }
  | { readonly source: 'ClusterNetworkPolicy'; readonly change: Change<SlimClusterPolicy> }
  | { readonly source: 'VirtualNetwork'; readonly change: Change<SlimVirtualNetwork> }
  | { readonly source: 'FloatingIPPool'; readonly change: Change<SlimFloatingIpPool> }
  | { readonly source: 'FloatingIP'; readonly change: Change<SlimFloatingIp> }
  | { readonly source: 'LogicalRouter'; readonly change: Change<SlimLogicalRouter> }
  | { readonly source: 'NetworkConnection'; readonly change: Change<SlimNetworkConnection> }
  | { readonly source: 'ServiceChain'; readonly change: Change<SlimServiceChain> }
  | { readonly source: 'Service'; readonly change: Change<SlimService> }
  | { readonly source: 'ServiceCIDR'; readonly change: Change<SlimServiceCidr> }
  | { readonly source: 'Ingress'; readonly change: Change<SlimIngress> }
  | { readonly source: 'IngressClass'; readonly change: Change<SlimIngressClass> }
  | { readonly source: 'EndpointSlice'; readonly change: Change<SlimEndpointSlice> }
  | { readonly source: 'StatefulSet'; readonly change: Change<SlimStatefulSet> };

/** What the function must know besides the change. */
export interface RelatedView extends PodRelations {
  /** Names of the services of a namespace. */
  readonly servicesOf: (namespace: string) => readonly string[];
  /** Keys of the Ingresses of a namespace, or of all: their members have the addresses of Services. */
  readonly ingressKeys: (namespace?: string) => readonly string[];
  /** Keys of the pods of a namespace, and of those bound to a node. */
  readonly podsIn: (namespace: string) => readonly string[];
  readonly podsOn: (node: string) => readonly string[];
  /** The cluster's own key. */
  readonly clusterKey: string;
  /** Keys of all FloatingIPPools: what one has, another does not give away. */
  readonly poolKeys: () => readonly string[];
  /** Keys of the floating IPs and routers that name a pool, and of the Services that may have an address of it. */
  readonly usersOfPool: (pool: string) => readonly string[];
  /** Keys of the connections, routers and chains that name a network. */
  readonly connectionsOf: (network: string) => readonly string[];
  /** The network of a VirtualNetwork, in the colon form. */
  readonly networkOf: (namespace: string, name: string) => string;
  /** Keys of the apps of a namespace that have networks of their own. */
  readonly appsIn: (namespace: string) => readonly string[];
  /** Keys of the policies whose rules depend on the numbers of named ports of a namespace's pods. */
  readonly policyKeysNamingIn: (namespace: string) => readonly string[];
  /** Keys of the pods that a policy selects, or means as peers. */
  readonly podsOfPolicy: (policy: SlimNetworkPolicy) => readonly string[];
  /** Keys of the pods that a ClusterNetworkPolicy is for, or speaks of. */
  readonly podsOfClusterPolicy: (policy: SlimClusterPolicy) => readonly string[];
  /** Keys of the ClusterNetworkPolicies that speak of nodes. */
  readonly clusterPoliciesOfNodes: () => readonly string[];
}

/** The keys to run after a change, each once. */
export function relatedKeys(given: SourceChange, view: RelatedView): readonly string[] {
  if (isOfResource(given)) return resourceKeys(given, view);
  if (isOfServices(given)) return servicesKeys(given, view);
  switch (given.source) {
    case 'Namespace':
      return namespaceKeys(given.change, view);
    case 'NetworkAttachmentDefinition':
      return definitionKeys(given.change, view);
    case 'Pod':
      return keysOfPod(given.change, view);
    case 'Node':
      return nodeKeys(given.change, view);
    case 'StatefulSet':
      return setKeys(given.change);
    case 'ServiceChain':
      return serviceChainKeys(given.change, view);
  }
}

type ResourceChange = Extract<
  SourceChange,
  {
    readonly source:
      | 'VirtualNetwork'
      | 'NetworkConnection'
      | 'FloatingIPPool'
      | 'FloatingIP'
      | 'LogicalRouter'
      | 'NetworkPolicy'
      | 'ClusterNetworkPolicy';
  }
>;

function isOfResource(given: SourceChange): given is ResourceChange {
  return [
    'VirtualNetwork',
    'NetworkConnection',
    'FloatingIPPool',
    'FloatingIP',
    'LogicalRouter',
    'NetworkPolicy',
    'ClusterNetworkPolicy',
  ].includes(given.source);
}

/** Those of resources that speak of networks. */
function resourceKeys({ source, change }: ResourceChange, view: RelatedView): readonly string[] {
  switch (source) {
    case 'VirtualNetwork':
      return [virtualNetworkKey(change.object.namespace, change.object.name), ...connectionsOfResource(change, view)];
    case 'NetworkConnection':
      return connectionKeys(change, view);
    case 'FloatingIPPool':
      return poolChangeKeys(change, view);
    case 'FloatingIP':
      return [floatingIpKey(change.object.namespace, change.object.name)];
    case 'LogicalRouter':
      return [logicalRouterKey(change.object.namespace, change.object.name)];
    case 'NetworkPolicy':
      return policyKeys(change, view);
    case 'ClusterNetworkPolicy':
      return clusterPolicyKeys(change, view);
  }
}

/** What one has, another does not give away; those who stand on one that goes are told. */
function poolChangeKeys({ kind, object: { name } }: Change<SlimFloatingIpPool>, view: RelatedView): readonly string[] {
  const users = kind === 'delete' ? view.usersOfPool(name) : [];
  return [...new Set([floatingIpPoolKey(name), ...view.poolKeys(), ...users])];
}

type ServicesChange = Extract<
  SourceChange,
  { readonly source: 'Service' | 'EndpointSlice' | 'ServiceCIDR' | 'Ingress' | 'IngressClass' }
>;

function isOfServices(given: SourceChange): given is ServicesChange {
  return ['Service', 'EndpointSlice', 'ServiceCIDR', 'Ingress', 'IngressClass'].includes(given.source);
}

/** Those of Services, of what they consist of, and of what leads to them. */
function servicesKeys({ source, change }: ServicesChange, view: RelatedView): readonly string[] {
  switch (source) {
    case 'Service':
      return [
        serviceKey(change.object.namespace, change.object.name),
        ...view.ingressKeys(change.object.namespace),
        ...view.appsIn(change.object.namespace),
        ...view.floatingIpsFor({ kind: 'Service', ...change.object }),
      ];
    case 'EndpointSlice':
      return sliceKeys(change);
    case 'ServiceCIDR':
      return [view.clusterKey];
    case 'Ingress':
      return [ingressKey(change.object.namespace, change.object.name)];
    case 'IngressClass':
      return view.ingressKeys();
  }
}

/**
 * A namespace that is isolated, or no longer, moves the addresses of its services to another network, and its pods that
 * have no port yet may now be what admission decides. Its labels say which policies mean its pods.
 */
function namespaceKeys(change: Change<SlimNamespace>, view: RelatedView): readonly string[] {
  const { name, annotations, labels } = change.object;
  const own = [namespaceKey(name), networkIdsKey(name)];
  if (change.kind === 'delete') return [...own, ...view.labelsLeftBy({ namespace: name, labels })];
  const before = change.previous;
  if (before === undefined) return own;
  const moved = !isDeepStrictEqual(withoutResults(before.annotations), withoutResults(annotations));
  const isRelabelled = !isDeepStrictEqual(before.labels, labels);
  return [
    ...own,
    ...(moved ? placesIn(name, view) : []),
    ...(isRelabelled ? view.policyKeysNamingIn(name) : []),
    ...(moved || isRelabelled ? view.podsIn(name) : []),
    ...(isRelabelled ? view.labelsLeftBy({ namespace: name, labels: before.labels }) : []),
  ];
}

/** What of a namespace is in other networks when it is isolated, or no longer; the network of `default` is the cluster's. */
function placesIn(namespace: string, view: RelatedView): readonly string[] {
  const services = view.servicesOf(namespace).map((service) => serviceKey(namespace, service));
  return [...(namespace === 'default' ? [view.clusterKey] : []), ...services, ...view.appsIn(namespace)];
}

/** What we write on a namespace decides nothing: workers compute it anew. */
function withoutResults(annotations: Readonly<Record<string, string>>): Readonly<Record<string, string | undefined>> {
  const { assignment, status, networkIds } = ANNOTATION;
  return { ...annotations, [assignment]: undefined, [status]: undefined, [networkIds]: undefined };
}

/** Pods of its namespace may have waited for a definition that appears. */
function definitionKeys(change: Change<SlimAttachmentDefinition>, view: RelatedView): readonly string[] {
  const { namespace, name } = change.object;
  return [attachmentKey(namespace, name), ...(change.kind === 'put' ? view.podsIn(namespace) : [])];
}

/** A node that appears, perhaps again under its name, has a new router, which its pods must join; pools give its addresses to nobody. */
function nodeKeys(change: Change<SlimNode>, view: RelatedView): readonly string[] {
  const { name, addresses } = change.object;
  const before = change.kind === 'put' ? change.previous : undefined;
  const isNew = change.kind === 'put' && before === undefined;
  const pools = isDeepStrictEqual(before?.addresses ?? [], addresses) ? [] : view.poolKeys();
  return [nodeKey(name), ...(isNew ? view.podsOn(name) : []), ...pools, ...view.clusterPoliciesOfNodes()];
}

/**
 * Whom a policy speaks of, and whom it spoke of before. Its own run tells them as well, when its groups are there; but that may
 * be heard by a replica that has not seen the policy yet, and every replica's watch ends here.
 */
function policyKeys(change: Change<SlimNetworkPolicy>, view: RelatedView): readonly string[] {
  const { object } = change;
  const before = change.kind === 'put' ? change.previous : undefined;
  const own = networkPolicyKey(object.namespace, object.name);
  // What is written on it of its problems decides nothing about pods.
  if (before !== undefined && isDeepStrictEqual({ ...before, status: object.status }, object)) return [own];
  const pods = [before, object].flatMap((policy) => (policy === undefined ? [] : view.podsOfPolicy(policy)));
  return [...new Set([own, ...pods])];
}

/** As of a NetworkPolicy. */
function clusterPolicyKeys(change: Change<SlimClusterPolicy>, view: RelatedView): readonly string[] {
  const { object } = change;
  const before = change.kind === 'put' ? change.previous : undefined;
  // What we write of it ourselves decides nothing; an annotation is no new generation.
  const isSame = before?.generation === object.generation && before.uid === object.uid;
  if (isSame && before.mirror === object.mirror) return [];
  const pods = [before, object].flatMap((policy) => (policy === undefined ? [] : view.podsOfClusterPolicy(policy)));
  return [...new Set([clusterPolicyKey(object.name), ...pods])];
}

/** The pods for which a StatefulSet no longer keeps addresses. */
function setKeys(change: Change<SlimStatefulSet>): readonly string[] {
  const { object } = change;
  const before = change.kind === 'put' ? change.previous : object;
  const released = (before === undefined ? [] : podsOfSet(before)).filter(
    (pod) => change.kind === 'delete' || !keepsFor(object, ordinalName(pod)?.ordinal ?? -1),
  );
  return released.map((pod) => podKey(object.namespace, pod));
}

/** Whom a network is shared with decides over connections, too. */
function connectionsOfResource(change: Change<SlimVirtualNetwork>, view: RelatedView): readonly string[] {
  const { object } = change;
  if (change.kind === 'put' && isDeepStrictEqual(change.previous?.sharing, object.sharing)) return [];
  return view.connectionsOf(view.networkOf(object.namespace, object.name));
}

/** A slice may be handed from one Service to another. */
function sliceKeys(change: Change<SlimEndpointSlice>): readonly string[] {
  const { namespace, service } = change.object;
  const before = change.kind === 'put' ? change.previous?.service : undefined;
  const services = new Set([service, before].filter((name) => name !== undefined));
  return [...services].map((name) => serviceKey(namespace, name));
}
