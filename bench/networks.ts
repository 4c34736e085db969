/** What a thousand networks cost: the wait of a pod for its port, and what a node with thirty pods is sent and installs. */
import { createLogger } from '../runtime/log.ts';
import { createKubeClient, type KubeClient } from '../kubernetes/client.ts';
import { createReflector } from '../kubernetes/cache.ts';
import { slimPod } from '../kubernetes/objects.ts';
import { portsOfPod } from '../kubernetes/ports.ts';
import { labBinaries, startApiServer } from '../test/workers/apiserver.ts';
import { eventually, freePort, startProgram } from '../test/workers/programs.ts';
import { type ConfigApi, inTurns, startConfigApi } from './config-api.ts';
import { shareOfNode } from './node-share.ts';
import { percentile, ratioLine } from './statistics.ts';

/** An isolated namespace has two networks. */
const FEW = 5;
const MANY = 500;
const PODS = 200;

/** The lines of the report. */
export async function run(): Promise<readonly string[]> {
  return [...(await waits()), ...(await shareOfNode())];
}

async function waits(): Promise<readonly string[]> {
  const bin = labBinaries();
  if (bin === undefined) return ['the wait for a port was not measured: npm run lab -- up builds the API server'];
  const [cluster, api] = [await startApiServer(bin), await startConfigApi()];
  const workers = startProgram('workers/main.ts', {
    kubeconfig: cluster.kubeconfig,
    'contrail-api': api.url,
    redis: api.redis,
    listen: `127.0.0.1:${await freePort()}`,
    'log-level': 'warn',
  });
  try {
    await cluster.kube.post('/api/v1/nodes', { metadata: { name: 'n1' } });
    const addresses = [{ type: 'InternalIP', address: '192.0.2.1' }];
    await cluster.kube.patch('/api/v1/nodes/n1/status', { status: { addresses } });
    await isolate(cluster.kube, api, 0, FEW);
    const kube = createKubeClient({ kubeconfig: cluster.kubeconfig });
    await portWaits(kube, 'warm');
    const few = await portWaits(kube, 'few');
    await isolate(cluster.kube, api, FEW, MANY);
    // What the new namespaces set off has its time: it is their presence that is measured.
    await portWaits(kube, 'warm-many');
    const many = await portWaits(kube, 'many');
    const line = (p: number): string =>
      ratioLine(
        `bound → port ready, p${p * 100}, with ${2 * MANY} networks against ${2 * FEW}`,
        percentile(many, p),
        percentile(few, p),
        'ms',
      );
    return [line(0.5), line(0.99)];
  } finally {
    await workers.kill();
    await api.stop();
    await cluster.stop();
  }
}

async function isolate(kube: KubeClient, { contrail }: ConfigApi, from: number, to: number): Promise<void> {
  const annotations = { 'opencontrail.org/isolation': 'true' };
  await inTurns(to - from, 16, async (index) =>
    kube.post('/api/v1/namespaces', { metadata: { name: `ns-${from + index}`, annotations } }),
  );
  await eventually(async () => {
    const networks = await contrail.list('virtual-network');
    return networks.filter(({ fq_name: [, project = ''] }) => project.startsWith('k8s-ns-')).length >= 2 * to;
  }, 300_000);
}

/** Milliseconds from a bound pod's creation until its port's annotation, ten pods at a time. */
async function portWaits(kube: KubeClient, name: string): Promise<readonly number[]> {
  const created = new Map<string, number>();
  const waited: number[] = [];
  const stop = new AbortController();
  const done = Promise.withResolvers<void>();
  const pods = createReflector({
    client: kube,
    path: '/api/v1/namespaces/ns-0/pods',
    project: slimPod,
    onChange: ({ object: pod }) => {
      const since = created.get(pod.name);
      if (since === undefined || portsOfPod(pod.annotations['opencontrail.org/ports'], pod.uid) === undefined) return;
      created.delete(pod.name);
      waited.push(performance.now() - since);
      if (waited.length === PODS) done.resolve();
    },
    signal: stop.signal,
    log: createLogger('bench', 'warn'),
  });
  await pods.whenSynced();
  const spec = { nodeName: 'n1', containers: [{ name: 'c', image: 'none' }] };
  await inTurns(PODS, 2, async (index) => {
    created.set(`${name}-${index}`, performance.now());
    await kube.post('/api/v1/namespaces/ns-0/pods', { metadata: { name: `${name}-${index}` }, spec });
  });
  await done.promise;
  stop.abort();
  return waited;
}
