/** The reflectors of what the workers see: one for each kind, its path and its projection. */
import {
  ATTACHMENT_DEFINITIONS,
  type SlimAttachmentDefinition,
  slimAttachmentDefinition,
} from '../kubernetes/attachment-definition.ts';
import { createReflector, type Reflector, type ReflectorOptions } from '../kubernetes/cache.ts';
import type { CacheMetrics } from '../kubernetes/cache-metrics.ts';
import type { KubeClient, KubeObject } from '../kubernetes/client.ts';
import { FLOATING_IPS, type SlimFloatingIp, slimFloatingIp } from '../kubernetes/floating-ip.ts';
import { FLOATING_IP_POOLS, type SlimFloatingIpPool, slimFloatingIpPool } from '../kubernetes/floating-ip-pool.ts';
import {
  INGRESS_CLASSES,
  INGRESSES,
  type SlimIngress,
  type SlimIngressClass,
  slimIngress,
  slimIngressClass,
} from '../kubernetes/ingress.ts';
import { LOGICAL_ROUTERS, type SlimLogicalRouter, slimLogicalRouter } from '../kubernetes/logical-router.ts';
import {
  NETWORK_CONNECTIONS,
  type SlimNetworkConnection,
  slimNetworkConnection,
} from '../kubernetes/network-connection.ts';
import { NETWORK_POLICIES, type SlimNetworkPolicy, slimNetworkPolicy } from '../kubernetes/network-policy.ts';
import {
  CLUSTER_NETWORK_POLICIES,
  type SlimClusterPolicy,
  slimClusterPolicy,
} from '../kubernetes/cluster-network-policy.ts';
import { type SlimNode, type SlimPod, slimNode, slimPod } from '../kubernetes/objects.ts';
import { type SlimEndpointSlice, slimEndpointSlice } from '../kubernetes/services.ts';
import { SERVICE_CIDRS, type SlimServiceCidr, slimServiceCidr } from '../kubernetes/service-cidr.ts';
import { SERVICE_CHAINS, type SlimServiceChain, slimServiceChain } from '../kubernetes/service-chain.ts';
import { type SlimStatefulSet, slimStatefulSet, STATEFUL_SETS } from '../kubernetes/stateful-set.ts';
import { type SlimVirtualNetwork, slimVirtualNetwork, VIRTUAL_NETWORKS } from '../kubernetes/virtual-network.ts';
import type { Logger } from '../runtime/log.ts';
import type { Groups } from './groups.ts';
import { type WorkerNamespace, workerNamespace } from './namespaces.ts';
import type { SourceChange } from './related.ts';
import { slimWorkerService, type WorkerService } from './services.ts';

/** A cache for each kind; each is complete once it is synced. */
export interface Caches {
  readonly pods: Reflector<SlimPod>;
  readonly namespaces: Reflector<WorkerNamespace>;
  readonly nodes: Reflector<SlimNode>;
  readonly definitions: Reflector<SlimAttachmentDefinition>;
  readonly services: Reflector<WorkerService>;
  readonly ingresses: Reflector<SlimIngress>;
  readonly ingressClasses: Reflector<SlimIngressClass>;
  readonly slices: Reflector<SlimEndpointSlice>;
  readonly statefulSets: Reflector<SlimStatefulSet>;
  readonly serviceCidrs: Reflector<SlimServiceCidr>;
  readonly virtualNetworks: Reflector<SlimVirtualNetwork>;
  readonly floatingIpPools: Reflector<SlimFloatingIpPool>;
  readonly floatingIps: Reflector<SlimFloatingIp>;
  readonly logicalRouters: Reflector<SlimLogicalRouter>;
  readonly serviceChains: Reflector<SlimServiceChain>;
  readonly connections: Reflector<SlimNetworkConnection>;
  readonly policies: Reflector<SlimNetworkPolicy>;
  readonly clusterPolicies: Reflector<SlimClusterPolicy>;
}

/** What every reflector is given. */
export interface ReflectingOptions {
  readonly client: KubeClient;
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly metrics?: CacheMetrics;
}

/** The reflectors. Every change is first taken into the groups, then told. */
export function createReflectors(
  options: ReflectingOptions,
  groups: Groups,
  tell: (change: SourceChange) => void,
): Caches {
  const reflect = reflecting(options);
  return {
    ...coreReflectors(reflect, groups, tell),
    ...groupReflectors(reflect, groups, tell),
    ...foreignReflectors(reflect, tell),
    ...customReflectors(reflect, groups, tell),
    ...joiningReflectors(reflect, groups, tell),
  };
}

/** Kinds of the core API. */
function coreReflectors(reflect: Reflect, groups: Groups, tell: (change: SourceChange) => void) {
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
    services: reflect<WorkerService>({
      path: '/api/v1/services',
      project: slimWorkerService,
      onChange: (change) => {
        groups.servicesByNamespace.take(change);
        tell({ source: 'Service', change });
      },
    }),
    pods: reflect<SlimPod>({
      path: '/api/v1/pods',
      project: podOfOurs,
      onChange: (change) => {
        groups.podsByNode.take(change);
        groups.podsByNamespace.take(change);
        groups.podsByNetwork.take(change);
        groups.podsByTag.take(change);
        groups.podsByAnalyzer.take(change);
        tell({ source: 'Pod', change });
      },
    }),
  };
}

/** Kinds of Kubernetes' named API groups. */
function groupReflectors(reflect: Reflect, groups: Groups, tell: (change: SourceChange) => void) {
  return {
    policies: reflect<SlimNetworkPolicy>({
      path: NETWORK_POLICIES,
      project: slimNetworkPolicy,
      onChange: (change) => {
        groups.policies.take(change);
        tell({ source: 'NetworkPolicy', change });
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
    ingresses: reflect<SlimIngress>({
      path: INGRESSES,
      project: slimIngress,
      onChange: (change) => {
        groups.ingressesByNamespace.take(change);
        tell({ source: 'Ingress', change });
      },
    }),
    ingressClasses: reflect<SlimIngressClass>({
      path: INGRESS_CLASSES,
      project: slimIngressClass,
      onChange: (change) => tell({ source: 'IngressClass', change }),
    }),
    statefulSets: reflect<SlimStatefulSet>({
      path: STATEFUL_SETS,
      project: slimStatefulSet,
      onChange: (change) => tell({ source: 'StatefulSet', change }),
    }),
  };
}

/** Kinds that others define, who may not have done it; and one that older API servers do not have. */
function foreignReflectors(reflect: Reflect, tell: (change: SourceChange) => void) {
  return {
    serviceCidrs: reflect<SlimServiceCidr>({
      path: SERVICE_CIDRS,
      project: slimServiceCidr,
      onChange: (change) => tell({ source: 'ServiceCIDR', change }),
      mayBeUnknown: true,
    }),
    definitions: reflect<SlimAttachmentDefinition>({
      path: ATTACHMENT_DEFINITIONS,
      project: slimAttachmentDefinition,
      onChange: (change) => tell({ source: 'NetworkAttachmentDefinition', change }),
      mayBeUnknown: true,
    }),
    clusterPolicies: reflect<SlimClusterPolicy>({
      path: CLUSTER_NETWORK_POLICIES,
      project: slimClusterPolicy,
      onChange: (change) => tell({ source: 'ClusterNetworkPolicy', change }),
      mayBeUnknown: true,
    }),
  };
}

/** Kinds that our chart defines, which a cluster of before may lack. */
function customReflectors(reflect: Reflect, groups: Groups, tell: (change: SourceChange) => void) {
  return {
    floatingIpPools: reflect<SlimFloatingIpPool>({
      path: FLOATING_IP_POOLS,
      project: slimFloatingIpPool,
      onChange: (change) => tell({ source: 'FloatingIPPool', change }),
      mayBeUnknown: true,
    }),
    floatingIps: reflect<SlimFloatingIp>({
      path: FLOATING_IPS,
      project: slimFloatingIp,
      onChange: (change) => {
        groups.floatingIpsByNamespace.take(change);
        tell({ source: 'FloatingIP', change });
      },
      mayBeUnknown: true,
    }),
    logicalRouters: reflect<SlimLogicalRouter>({
      path: LOGICAL_ROUTERS,
      project: slimLogicalRouter,
      onChange: (change) => {
        groups.routersByNetwork.take(change);
        tell({ source: 'LogicalRouter', change });
      },
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

/** What joins networks, of the same kinds. */
function joiningReflectors(reflect: Reflect, groups: Groups, tell: (change: SourceChange) => void) {
  return {
    serviceChains: reflect<SlimServiceChain>({
      path: SERVICE_CHAINS,
      project: slimServiceChain,
      onChange: (change) => {
        groups.chainsByNamespace.take(change);
        groups.chainsByNetwork.take(change);
        tell({ source: 'ServiceChain', change });
      },
      mayBeUnknown: true,
    }),
    connections: reflect<SlimNetworkConnection>({
      path: NETWORK_CONNECTIONS,
      project: slimNetworkConnection,
      onChange: (change) => {
        groups.connectionsByNetwork.take(change);
        groups.connectionsThrough.take(change);
        groups.connectionsByAnalyzer.take(change);
        tell({ source: 'NetworkConnection', change });
      },
      mayBeUnknown: true,
    }),
  };
}

type Reflect = <T>(rest: Pick<ReflectorOptions<T>, 'path' | 'project' | 'onChange' | 'mayBeUnknown'>) => Reflector<T>;

function reflecting({ client, signal, log, metrics }: ReflectingOptions): Reflect {
  return (rest) => createReflector({ client, signal, log, ...(metrics === undefined ? {} : { metrics }), ...rest });
}

function podOfOurs(raw: KubeObject): SlimPod | undefined {
  const pod = slimPod(raw);
  return pod.hostNetwork ? undefined : pod;
}
