/** Kubernetes objects for a reconcile: from the cache where it has them, else read live, since a cache may be behind. */
import {
  attachmentDefinitionPath,
  type SlimAttachmentDefinition,
  slimAttachmentDefinition,
} from '../kubernetes/attachment-definition.ts';
import type { Reflector } from '../kubernetes/cache.ts';
import type { KubeObject } from '../kubernetes/client.ts';
import {
  type SlimNamespace,
  type SlimNode,
  type SlimPod,
  slimNamespace,
  slimNode,
  slimPod,
} from '../kubernetes/objects.ts';
import { type SlimVirtualNetwork, slimVirtualNetwork } from '../kubernetes/virtual-network.ts';
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

export async function readVirtualNetwork(
  namespace: string,
  name: string,
  deps: Deps,
): Promise<SlimVirtualNetwork | undefined> {
  const path = `/apis/opencontrail.org/v1alpha1/namespaces/${namespace}/virtualnetworks/${name}`;
  const live = { path, project: slimVirtualNetwork, deps };
  return await cachedOrLive(deps.view.virtualNetworks, `${namespace}/${name}`, live);
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
