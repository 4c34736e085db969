/** Runs one program of the image on every node, in a privileged pod that is gone afterwards: for preflight and cleanup. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeClient, KubeObject } from '../../kubernetes/client.ts';

/** What runs on each node. The container sees `hostPath` at `mountPath`. */
export interface NodeTask {
  readonly program: 'preflight' | 'cleanup';
  readonly args: readonly string[];
  readonly mounts: readonly { readonly hostPath: string; readonly mountPath: string }[];
}

export interface NodeTaskDeps {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly image: string;
  readonly pullPolicy: string;
  /** How long one node may take, in milliseconds. */
  readonly timeoutMs: number;
}

/** How it ended on one node. `message` is what the program wrote to its termination log. */
export type NodeOutcome =
  | { readonly kind: 'done'; readonly node: string; readonly message: string }
  | { readonly kind: 'failed'; readonly node: string; readonly message: string }
  | { readonly kind: 'unreachable'; readonly node: string; readonly message: string };

/** All nodes of Linux at once; answers one outcome per node, in the nodes' order. Throws only what the API server refuses. */
export async function runOnNodes(task: NodeTask, deps: NodeTaskDeps): Promise<readonly NodeOutcome[]> {
  const { items } = await deps.client.list('/api/v1/nodes', { labelSelector: 'kubernetes.io/os!=windows' });
  return await Promise.all(items.map(async ({ metadata }) => await runOnNode(metadata.name, task, deps)));
}

async function runOnNode(node: string, task: NodeTask, deps: NodeTaskDeps): Promise<NodeOutcome> {
  const pods = `/api/v1/namespaces/${deps.namespace}/pods`;
  const path = `${pods}/${task.program}-${node}`;
  const deadline = performance.now() + deps.timeoutMs;
  await deps.client.delete(path, { query: { gracePeriodSeconds: 0 } });
  while ((await deps.client.get(path)) !== undefined && performance.now() < deadline) await sleep(POLL_MS);
  await deps.client.post(pods, podFor(node, task, deps));
  try {
    return await outcomeOf(node, path, { deps, deadline });
  } finally {
    await deps.client.delete(path, { query: { gracePeriodSeconds: 0 } });
  }
}

const POLL_MS = 300;

async function outcomeOf(
  node: string,
  path: string,
  { deps, deadline }: { readonly deps: NodeTaskDeps; readonly deadline: number },
): Promise<NodeOutcome> {
  let pod: KubeObject | undefined;
  do {
    await sleep(POLL_MS);
    pod = await deps.client.get(path);
    const ended = pod === undefined ? undefined : statusOf(pod).terminated;
    if (ended !== undefined) {
      return { kind: ended.exitCode === 0 ? 'done' : 'failed', node, message: ended.message ?? '' };
    }
  } while (performance.now() < deadline);
  const waiting = pod === undefined ? 'its pod disappeared' : statusOf(pod).waiting;
  return { kind: 'unreachable', node, message: waiting ?? 'its kubelet did not start the pod' };
}

interface PodState {
  readonly terminated?: { readonly exitCode: number; readonly message?: string } | undefined;
  readonly waiting?: string | undefined;
}

function statusOf(pod: KubeObject): PodState {
  // The API server's own schema vouches for the shape.
  const status = pod['status'] as
    | {
        containerStatuses?: {
          state?: {
            terminated?: { exitCode: number; message?: string };
            waiting?: { reason?: string; message?: string };
          };
        }[];
      }
    | undefined;
  const state = status?.containerStatuses?.[0]?.state;
  const waiting = state?.waiting;
  return {
    terminated: state?.terminated,
    waiting: waiting === undefined ? undefined : `${waiting.reason ?? ''} ${waiting.message ?? ''}`.trim(),
  };
}

function podFor(node: string, task: NodeTask, deps: NodeTaskDeps): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${task.program}-${node}`,
      namespace: deps.namespace,
      labels: { 'app.kubernetes.io/name': 'opencontrail', 'app.kubernetes.io/component': `${task.program}-node` },
    },
    spec: {
      nodeName: node,
      hostNetwork: true,
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      tolerations: [{ operator: 'Exists' }],
      priorityClassName: 'system-node-critical',
      containers: [
        {
          name: task.program,
          image: deps.image,
          imagePullPolicy: deps.pullPolicy,
          command: ['/opt/opencontrail/bin/opencontrail', task.program, ...task.args],
          env: [{ name: 'NODE_IP', valueFrom: { fieldRef: { fieldPath: 'status.hostIP' } } }],
          securityContext: { privileged: true },
          terminationMessagePolicy: 'FallbackToLogsOnError',
          volumeMounts: task.mounts.map(({ mountPath }, index) => ({ name: volumeName(index), mountPath })),
        },
      ],
      volumes: task.mounts.map(({ hostPath }, index) => ({
        name: volumeName(index),
        hostPath: { path: hostPath, type: 'DirectoryOrCreate' },
      })),
    },
  };
}

function volumeName(index: number): string {
  return `host-${index}`;
}
