/** The Kubernetes object that a key stands for, as the caches have it. */
import type { Reflector } from '../kubernetes/cache.ts';
import type { Key, OwningKind } from './keys.ts';
import type { ClusterView } from './watch.ts';

type Caches = Pick<
  ClusterView,
  | 'namespaces'
  | 'nodes'
  | 'definitions'
  | 'virtualNetworks'
  | 'connections'
  | 'serviceChains'
  | 'floatingIpPools'
  | 'floatingIps'
  | 'logicalRouters'
  | 'policies'
  | 'clusterPolicies'
  | 'pods'
  | 'services'
  | 'ingresses'
>;

/** The cache of a kind; the cluster itself, and what is attached to a network, are no objects of Kubernetes. */
const CACHES: Readonly<
  Partial<Record<OwningKind, (view: Caches) => Pick<Reflector<{ readonly uid: string }>, 'get'>>>
> = {
  Namespace: ({ namespaces }) => namespaces,
  Node: ({ nodes }) => nodes,
  NetworkAttachmentDefinition: ({ definitions }) => definitions,
  VirtualNetwork: ({ virtualNetworks }) => virtualNetworks,
  FloatingIPPool: ({ floatingIpPools }) => floatingIpPools,
  FloatingIP: ({ floatingIps }) => floatingIps,
  LogicalRouter: ({ logicalRouters }) => logicalRouters,
  ServiceChain: ({ serviceChains }) => serviceChains,
  NetworkConnection: ({ connections }) => connections,
  NetworkPolicy: ({ policies }) => policies,
  ClusterNetworkPolicy: ({ clusterPolicies }) => clusterPolicies,
  Pod: ({ pods }) => pods,
  Service: ({ services }) => services,
  Ingress: ({ ingresses }) => ingresses,
};

/** Whether a key's kind is one of Kubernetes'. */
export function isObject({ kind }: Key): boolean {
  return CACHES[kind] !== undefined;
}

/** The UID of a key's object, or `undefined` where the caches have none. */
export function uidOfOwner({ kind, namespace, name }: Key, view: Caches): string | undefined {
  return CACHES[kind]?.(view).get(namespace === '' ? name : `${namespace}/${name}`)?.uid;
}
