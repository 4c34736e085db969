/** One worker between a real API server, a real Redis and the embedded config API. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { ContrailClient } from '../../contrail/client.ts';
import { ANNOTATION } from '../../kubernetes/annotations.ts';
import type { KubeClient } from '../../kubernetes/client.ts';
import { type PodPort, portsOfPod } from '../../kubernetes/ports.ts';
import { startRedis } from '../redis.ts';
import { labBinaries, type TestApiServer } from './apiserver.ts';
import { startFleet } from './fleet.ts';
import { eventually } from './programs.ts';

export interface Bed {
  readonly api: TestApiServer;
  readonly contrail: ContrailClient;
  readonly redisUrl: string;
  readonly stop: () => Promise<void>;
}

/** Everything started, from the lab's binaries (with-apiserver.ts); `flags` are the worker's further ones, and a token is asked for where one is given. */
export async function startBed(flags: Readonly<Record<string, string>> = {}, token?: string): Promise<Bed> {
  const redis = await startRedis();
  const fleet = await startFleet({
    bin: labBinaries()!,
    redisUrl: redis.url,
    ...(token === undefined ? {} : { token }),
  });
  await fleet.startWorker(flags);
  return {
    api: fleet.api,
    contrail: fleet.contrail,
    redisUrl: redis.url,
    stop: async () => {
      await fleet.stop();
      await redis.stop();
    },
  };
}

/** Installs the CNCF's resource, which is in the chart beside our own. */
export async function installAttachments(kube: KubeClient): Promise<void> {
  const file = join(import.meta.dirname, '../../charts/opencontrail/crds/network-attachment-definitions.yaml');
  await kube.post('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', parse(readFileSync(file, 'utf8')));
  await eventually(() => kube.get('/apis/k8s.cni.cncf.io/v1/network-attachment-definitions'));
}

/** Creates a NetworkAttachmentDefinition of ours, once the resource is installed. */
export async function createAttachment(
  kube: KubeClient,
  { namespace, name, annotations }: { readonly namespace: string; readonly name: string; readonly annotations: object },
): Promise<void> {
  await kube.post(`/apis/k8s.cni.cncf.io/v1/namespaces/${namespace}/network-attachment-definitions`, {
    apiVersion: 'k8s.cni.cncf.io/v1',
    kind: 'NetworkAttachmentDefinition',
    metadata: { name, annotations },
    spec: { config: '{"cniVersion":"1.0.0","type":"opencontrail-cni"}' },
  });
}

/** Creates a node with an address, as its kubelet would. */
export async function createNode(kube: KubeClient, name: string, address: string): Promise<void> {
  await kube.post('/api/v1/nodes', { metadata: { name } });
  await kube.patch(`/api/v1/nodes/${name}/status`, { status: { addresses: [{ type: 'InternalIP', address }] } });
}

/** There is no namespace controller to take its finalizer away. */
export async function deleteNamespace(kube: KubeClient, name: string): Promise<void> {
  await kube.delete(`/api/v1/namespaces/${name}`);
  const namespace = await kube.get(`/api/v1/namespaces/${name}`);
  if (namespace !== undefined)
    await kube.put(`/api/v1/namespaces/${name}/finalize`, { ...namespace, spec: { finalizers: [] } });
}

/** A pod's first port, once it has one. */
export async function firstPort(kube: KubeClient, namespace: string, name: string): Promise<PodPort> {
  return await eventually(async () => {
    const pod = await kube.get(`/api/v1/namespaces/${namespace}/pods/${name}`);
    return portsOfPod(pod?.metadata.annotations?.[ANNOTATION.ports], pod?.metadata.uid ?? '')?.interfaces[0];
  });
}

/** What each of our resources says of itself. */
export interface Conditioned {
  readonly conditions?: readonly { readonly status: string; readonly reason: string; readonly message: string }[];
}

/** The status of one of them, once it is as meant. */
export async function settledStatus<Status extends Conditioned>(
  kube: KubeClient,
  path: string,
  isMeant: (status: Status) => boolean,
): Promise<Status> {
  return await eventually(async () => {
    // By the resource's schema; everything in it may be absent.
    const status = ((await kube.get(path))?.['status'] ?? {}) as Status;
    return isMeant(status) ? status : undefined;
  });
}
