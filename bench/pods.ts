/** 100 Deployment pods from nothing to Running, ours against the Go `ptp` plugin; and how long a pod waits for its port. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createReflector } from '../kubernetes/cache.ts';
import { createKubeClient } from '../kubernetes/client.ts';
import { slimPod } from '../kubernetes/objects.ts';
import { createLogger } from '../runtime/log.ts';
import { takeDown } from '../test/lab/down.ts';
import { openLab } from '../test/lab/handle.ts';
import type { LabHandle } from '../test/lab/handle.ts';
import { bringUp } from '../test/lab/up.ts';
import { percentile, ratioLine } from './statistics.ts';

const NAMESPACE = 'bench-pods';
const REPLICAS = 100;
const PORTS = 'opencontrail.org/ports';

/** Runs ours first, then takes the lab down and brings it up bare with `ptp`; leaves no lab behind. */
export async function run(): Promise<readonly string[]> {
  await bringUp({ bare: false });
  const waits: number[] = [];
  const ours = await deploymentMs(waits);
  await takeDown();
  await bringUp({ bare: true });
  await installPtp(openLab());
  const reference = await deploymentMs([]);
  await takeDown();
  return [
    ratioLine(`${REPLICAS} Deployment pods to Running`, ours / 1000, reference / 1000, 's'),
    `assigned and scheduled → port ready: p50 ${Math.round(percentile(waits, 0.5))} ms, p99 ${Math.round(percentile(waits, 0.99))} ms`,
  ];
}

/** Milliseconds from the Deployment's creation until all its pods are Running; a small one before it warms the path. */
async function deploymentMs(waits: number[]): Promise<number> {
  const lab = openLab();
  await lab.createNamespace(NAMESPACE);
  try {
    await deploy(lab, 'warm-up', 4, []);
    return await deploy(lab, 'measured', REPLICAS, waits);
  } finally {
    await lab.cleanup();
  }
}

async function deploy(lab: LabHandle, name: string, replicas: number, waits: number[]): Promise<number> {
  const labels = { app: name };
  const container = { name: 'idle', image: 'busybox:lab', command: ['sleep', '100000'] };
  const started = Date.now();
  await lab.apply([
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace: NAMESPACE },
      spec: {
        replicas,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { terminationGracePeriodSeconds: 0, containers: [container] } },
      },
    },
  ]);
  const stop = new AbortController();
  const running = watchPods(lab, { label: `app=${name}`, replicas, waits, signal: stop.signal });
  try {
    await Promise.race([running, sleep(600_000, undefined, { ref: false }).then(() => tooLate(name))]);
    return Date.now() - started;
  } finally {
    stop.abort();
  }
}

function tooLate(name: string): never {
  throw new Error(`${name}: not all pods are Running after ten minutes`);
}

interface Watched {
  readonly label: string;
  readonly replicas: number;
  /** Milliseconds from assigned and bound to a node until the port's annotation, one per pod. */
  readonly waits: number[];
  readonly signal: AbortSignal;
}

/** Resolves when as many pods as asked for are Running; notes each pod's wait as its watch event arrives. */
async function watchPods(lab: LabHandle, { label, replicas, waits, signal }: Watched): Promise<void> {
  const boundAt = new Map<string, number>();
  const portAt = new Map<string, number>();
  const running = new Set<string>();
  const done = Promise.withResolvers<void>();
  createReflector({
    client: createKubeClient({ kubeconfig: lab.kubeconfig }),
    path: `/api/v1/namespaces/${NAMESPACE}/pods`,
    query: { labelSelector: label },
    project: slimPod,
    onChange: ({ object: pod }) => {
      const now = performance.now();
      if (pod.nodeName !== undefined && !boundAt.has(pod.uid)) boundAt.set(pod.uid, now);
      if (pod.annotations[PORTS] !== undefined && !portAt.has(pod.uid)) {
        portAt.set(pod.uid, now);
        waits.push(now - (boundAt.get(pod.uid) ?? now));
      }
      if (pod.phase === 'Running') running.add(pod.uid);
      if (running.size >= replicas) done.resolve();
    },
    signal,
    log: createLogger('bench', 'warn'),
  });
  await done.promise;
}

/** The reference: each node's pods in a range of their own, routed by `ptp`; no traffic between nodes is needed here. */
async function installPtp(lab: LabHandle): Promise<void> {
  for (const [index, node] of lab.nodes.entries()) {
    const ipam = { type: 'host-local', ranges: [[{ subnet: `10.40.${index}.0/24` }]], routes: [{ dst: '0.0.0.0/0' }] };
    const conflist = { cniVersion: '1.0.0', name: 'ptp', plugins: [{ type: 'ptp', ipMasq: false, ipam }] };
    await lab.exec(node, ['sh', '-c', 'cat > /etc/cni/net.d/10-ptp.conflist'], { input: JSON.stringify(conflist) });
  }
  await lab.kubectl(['wait', '--for=condition=Ready', 'nodes', '--all', '--timeout=120s']);
}
