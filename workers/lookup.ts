/** Kubernetes objects for a reconcile: from the cache where it has them, else read live, since a cache may be behind. */
import {
  attachmentDefinitionPath,
  type SlimAttachmentDefinition,
  slimAttachmentDefinition,
} from '../kubernetes/attachment-definition.ts';
import type { Reflector } from '../kubernetes/cache.ts';
import { type SlimFloatingIp, slimFloatingIp } from '../kubernetes/floating-ip.ts';
import { FLOATING_IP_POOLS, type SlimFloatingIpPool, slimFloatingIpPool } from '../kubernetes/floating-ip-pool.ts';
import type { KubeObject } from '../kubernetes/client.ts';
import { type SlimIngress, slimIngress } from '../kubernetes/ingress.ts';
import { type SlimLogicalRouter, slimLogicalRouter } from '../kubernetes/logical-router.ts';
import { type SlimNetworkConnection, slimNetworkConnection } from '../kubernetes/network-connection.ts';
import { networkPolicyPath, type SlimNetworkPolicy, slimNetworkPolicy } from '../kubernetes/network-policy.ts';
import {
  type SlimNamespace,
  type SlimNode,
  type SlimPod,
  slimNamespace,
  slimNode,
  slimPod,
} from '../kubernetes/objects.ts';
import { objectPath } from '../kubernetes/resources.ts';
import { type SlimServiceChain, slimServiceChain } from '../kubernetes/service-chain.ts';
import { type SlimStatefulSet, slimStatefulSet, statefulSetPath } from '../kubernetes/stateful-set.ts';
import { type SlimVirtualNetwork, slimVirtualNetwork } from '../kubernetes/virtual-network.ts';
import {
  CLUSTER_NETWORK_POLICIES,
  type SlimClusterPolicy,
  slimClusterPolicy,
} from '../kubernetes/cluster-network-policy.ts';
import type { Deps } from './deps.ts';
import { slimWorkerService, type WorkerService } from './services.ts';

/** The pod, or `undefined` once the API server has said that there is none. Pods of the host's network count as none. */
export async function readPod(namespace: string, name: string, deps: Deps): Promise<SlimPod | undefined> {
  const cached = deps.view.pods.get(`${namespace}/${name}`);
  if (cached !== undefined) return cached;
  const pod = await readLive(`/api/v1/namespaces/${namespace}/pods/${name}`, slimPod, deps);
  return pod?.hostNetwork === true ? undefined : pod;
}

export async function readNamespace(name: string, deps: Deps): Promise<SlimNamespace | undefined> {
  return await cachedOrLive(deps.view.namespaces, name, {
    path: `/api/v1/namespaces/${name}`,
    project: slimNamespace,
    deps,
  });
}

/** The namespace as the API server has it now, past every cache. */
export async function readLiveNamespace(name: string, deps: Deps): Promise<SlimNamespace | undefined> {
  return await readLive(`/api/v1/namespaces/${name}`, slimNamespace, deps);
}

/** The namespace of an object that exists; its absence can only be a passing disorder of caches. */
export async function readExistingNamespace(name: string, deps: Deps): Promise<SlimNamespace> {
  const namespace = await readNamespace(name, deps);
  if (namespace === undefined) throw new Error(`namespace ${name} is not there, though an object in it is`);
  return namespace;
}

export async function readNode(name: string, deps: Deps): Promise<SlimNode | undefined> {
  return await cachedOrLive(deps.view.nodes, name, { path: `/api/v1/nodes/${name}`, project: slimNode, deps });
}

export async function readAttachmentDefinition(
  namespace: string,
  name: string,
  deps: Deps,
): Promise<SlimAttachmentDefinition | undefined> {
  const path = attachmentDefinitionPath(namespace, name);
  return await cachedOrLive(deps.view.definitions, `${namespace}/${name}`, {
    path,
    project: slimAttachmentDefinition,
    deps,
  });
}

export async function readService(namespace: string, name: string, deps: Deps): Promise<WorkerService | undefined> {
  const path = `/api/v1/namespaces/${namespace}/services/${name}`;
  return await cachedOrLive(deps.view.services, `${namespace}/${name}`, { path, project: slimWorkerService, deps });
}

export async function readNetworkPolicy(
  namespace: string,
  name: string,
  deps: Deps,
): Promise<SlimNetworkPolicy | undefined> {
  const path = networkPolicyPath(namespace, name);
  return await cachedOrLive(deps.view.policies, `${namespace}/${name}`, { path, project: slimNetworkPolicy, deps });
}

export async function readClusterPolicy(name: string, deps: Deps): Promise<SlimClusterPolicy | undefined> {
  const live = { path: `${CLUSTER_NETWORK_POLICIES}/${name}`, project: slimClusterPolicy, deps };
  return await cachedOrLive(deps.view.clusterPolicies, name, live);
}

export async function readVirtualNetwork(
  namespace: string,
  name: string,
  deps: Deps,
): Promise<SlimVirtualNetwork | undefined> {
  const live = { path: objectPath('virtualnetworks', namespace, name), project: slimVirtualNetwork, deps };
  return await cachedOrLive(deps.view.virtualNetworks, `${namespace}/${name}`, live);
}

export async function readStatefulSet(
  namespace: string,
  name: string,
  deps: Deps,
): Promise<SlimStatefulSet | undefined> {
  const live = { path: statefulSetPath(namespace, name), project: slimStatefulSet, deps };
  return await cachedOrLive(deps.view.statefulSets, `${namespace}/${name}`, live);
}

export async function readFloatingIpPool(name: string, deps: Deps): Promise<SlimFloatingIpPool | undefined> {
  const live = { path: `${FLOATING_IP_POOLS}/${name}`, project: slimFloatingIpPool, deps };
  return await cachedOrLive(deps.view.floatingIpPools, name, live);
}

export async function readFloatingIp(namespace: string, name: string, deps: Deps): Promise<SlimFloatingIp | undefined> {
  const live = { path: objectPath('floatingips', namespace, name), project: slimFloatingIp, deps };
  return await cachedOrLive(deps.view.floatingIps, `${namespace}/${name}`, live);
}

export async function readLogicalRouter(
  namespace: string,
  name: string,
  deps: Deps,
): Promise<SlimLogicalRouter | undefined> {
  const live = { path: objectPath('logicalrouters', namespace, name), project: slimLogicalRouter, deps };
  return await cachedOrLive(deps.view.logicalRouters, `${namespace}/${name}`, live);
}

export async function readServiceChain(
  namespace: string,
  name: string,
  deps: Deps,
): Promise<SlimServiceChain | undefined> {
  const live = { path: objectPath('servicechains', namespace, name), project: slimServiceChain, deps };
  return await cachedOrLive(deps.view.serviceChains, `${namespace}/${name}`, live);
}

export async function readNetworkConnection(
  namespace: string,
  name: string,
  deps: Deps,
): Promise<SlimNetworkConnection | undefined> {
  const live = { path: objectPath('networkconnections', namespace, name), project: slimNetworkConnection, deps };
  return await cachedOrLive(deps.view.connections, `${namespace}/${name}`, live);
}

export async function readIngress(namespace: string, name: string, deps: Deps): Promise<SlimIngress | undefined> {
  const path = `/apis/networking.k8s.io/v1/namespaces/${namespace}/ingresses/${name}`;
  return await cachedOrLive(deps.view.ingresses, `${namespace}/${name}`, { path, project: slimIngress, deps });
}

async function cachedOrLive<T>(
  cache: Reflector<T>,
  key: string,
  live: { readonly path: string; readonly project: (raw: KubeObject) => T; readonly deps: Deps },
): Promise<T | undefined> {
  return cache.get(key) ?? (await readLive(live.path, live.project, live.deps));
}

async function readLive<T>(path: string, project: (raw: KubeObject) => T, deps: Deps): Promise<T | undefined> {
  const raw = await deps.kube.get(path, { signal: deps.signal });
  return raw === undefined ? undefined : project(raw);
}
