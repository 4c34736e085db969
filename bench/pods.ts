/** 100 Deployment pods from nothing to Running, ours against the Go `ptp` plugin; and how long a pod waits for its port. */
import { setTimeout as sleep } from 'node:timers/promises';
import { takeDown } from '../test/lab/down.ts';
import { openLab } from '../test/lab/handle.ts';
import type { LabHandle } from '../test/lab/handle.ts';
import { bringUp } from '../test/lab/up.ts';
import { percentile, ratioLine } from './statistics.ts';

const NAMESPACE = 'bench-pods';
const REPLICAS = 100;
const ASSIGNMENT = 'opencontrail.org/assignment';
const PORTS = 'opencontrail.org/ports';

interface PodList {
  readonly items: readonly {
    readonly metadata: { readonly uid: string; readonly annotations?: Readonly<Record<string, string>> };
    readonly spec: { readonly nodeName?: string };
    readonly status: { readonly phase: string };
  }[];
}

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
    `assigned and scheduled → port ready: p50 ${percentile(waits, 0.5)} ms, p99 ${percentile(waits, 0.99)} ms (sampled every 50 ms)`,
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
  const assignedAt = new Map<string, number>();
  const readyAt = new Map<string, number>();
  for (;;) {
    const { items } = (await lab.get<PodList>(['pods', '-n', NAMESPACE, '-l', `app=${name}`])) ?? { items: [] };
    const now = Date.now();
    for (const { metadata, spec } of items) {
      if (metadata.annotations?.[ASSIGNMENT] !== undefined && spec.nodeName !== undefined && !assignedAt.has(metadata.uid)) assignedAt.set(metadata.uid, now);
      if (metadata.annotations?.[PORTS] !== undefined && !readyAt.has(metadata.uid)) readyAt.set(metadata.uid, now);
    }
    if (items.filter(({ status }) => status.phase === 'Running').length === replicas) break;
    if (now - started > 600_000) throw new Error(`${name}: not all ${replicas} pods are Running after ten minutes`);
    await sleep(50);
  }
  for (const [uid, ready] of readyAt) waits.push(ready - (assignedAt.get(uid) ?? ready));
  return Date.now() - started;
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
