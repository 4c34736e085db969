/** One worker between a real API server, a real Redis and the embedded config API. */
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

/** Creates a node with an address, as its kubelet would. */
export async function createNode(kube: KubeClient, name: string, address: string): Promise<void> {
  await kube.post('/api/v1/nodes', { metadata: { name } });
  await kube.patch(`/api/v1/nodes/${name}/status`, { status: { addresses: [{ type: 'InternalIP', address }] } });
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
