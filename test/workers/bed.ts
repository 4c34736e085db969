/** One worker between a real API server, a real Redis and the embedded config API. */
import { type ContrailClient, createContrailClient } from '../../contrail/client.ts';
import { ANNOTATION } from '../../kubernetes/annotations.ts';
import type { KubeClient } from '../../kubernetes/client.ts';
import { type PodPort, portsOfPod } from '../../kubernetes/ports.ts';
import { startRedis } from '../redis.ts';
import { startApiServer, type TestApiServer } from './apiserver.ts';
import { eventually, freePort, startProgram } from './programs.ts';

export interface Bed {
  readonly api: TestApiServer;
  readonly contrail: ContrailClient;
  readonly redisUrl: string;
  readonly stop: () => Promise<void>;
}

/** Everything started; `flags` are the worker's further ones, and a token is asked for where one is given. */
export async function startBed(
  bin: string,
  flags: Readonly<Record<string, string>> = {},
  token?: string,
): Promise<Bed> {
  const [api, redis] = await Promise.all([startApiServer(bin), startRedis()]);
  const url = `http://127.0.0.1:${await freePort()}`;
  const contrail = createContrailClient({ endpoints: async () => [url], ...(token === undefined ? {} : { token }) });
  const programs = [
    startProgram('contrail/server/main.ts', {
      listen: url.replace('http://', ''),
      redis: redis.url,
      ...(token === undefined ? {} : { token }),
    }),
    startProgram('workers/main.ts', {
      kubeconfig: api.kubeconfig,
      'contrail-api': url,
      ...(token === undefined ? {} : { 'contrail-token': token }),
      redis: redis.url,
      listen: `127.0.0.1:${await freePort()}`,
      ...flags,
    }),
  ];
  return {
    api,
    contrail,
    redisUrl: redis.url,
    stop: async () => {
      await Promise.all(programs.map((program) => program.kill()));
      contrail.close();
      await api.stop();
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
