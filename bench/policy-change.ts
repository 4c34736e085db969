/**
 * A change of a NetworkPolicy on the lab, with a thousand others present: from the API server's answer until the revision of the
 * configuration that has it stands in the kernels of both nodes.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Cluster, openCluster } from '../cli/reach/cluster.ts';
import { openInstallation } from '../cli/reach/config-api.ts';
import { VROUTER_PORT } from '../cli/reach/pods.ts';
import type { ContrailObject, SecurityGroup } from '../contrail/objects.ts';
import { type ConfigView, watchConfig } from '../contrail/watch.ts';
import { createLogger } from '../runtime/log.ts';
import { idle, podManifest } from '../test/e2e/pods.ts';
import { takeDown } from '../test/lab/down.ts';
import { type LabHandle, openLab } from '../test/lab/handle.ts';
import { bringUp } from '../test/lab/up.ts';
import { percentile } from './statistics.ts';

const POLICIES = 1_000;
const NAMESPACES = 50;
const PODS_PER_NODE = 4;
const CHANGES = 200;
/** The changed one, in the first namespace, for all of its pods. */
const CHANGED = 'changed';
const AIM_MS = 300;
/** Time between two changes, so that each is one by itself. */
const PAUSE_MS = 100;

type Position = Pick<ConfigView, 'revision' | 'epoch'>;

/** Brings the lab up, and leaves none behind. */
export async function run(): Promise<readonly string[]> {
  await bringUp({ bare: false });
  const lab = openLab();
  try {
    const samples = await changes(lab);
    const [p50 = 0, p99 = 0] = [0.5, 0.99].map((share) => Math.round(percentile(samples, share)));
    return [
      `policy changed among ${POLICIES} → in force on ${lab.nodes.length} nodes: p50 ${p50} ms, p99 ${p99} ms of ${CHANGES}, aim p99 ${AIM_MS} ms`,
    ];
  } finally {
    await lab.cleanup();
    await takeDown();
  }
}

async function changes(lab: LabHandle): Promise<readonly number[]> {
  const cluster = await openCluster({ kubeconfig: lab.kubeconfig, context: '', productNamespace: 'opencontrail' });
  const stop = new AbortController();
  try {
    await fill(lab, cluster);
    const written = await followGroup(cluster, stop.signal);
    const nodes = await Promise.all(
      (await cluster.podsOf('node')).map(({ name }) => cluster.forward(name, VROUTER_PORT)),
    );
    const samples: number[] = [];
    for (let change = 0; change <= CHANGES; change += 1) {
      const port = 10_000 + change;
      const startedAt = performance.now();
      await cluster.kube.patch(pathOf(0, CHANGED), { spec: specOf(port) });
      const position = await written(port);
      await Promise.all(nodes.map(({ port: at }) => stands(at, position)));
      // The first one fills caches.
      if (change > 0) samples.push(performance.now() - startedAt);
      await sleep(PAUSE_MS);
    }
    return samples;
  } finally {
    stop.abort();
    cluster.close();
  }
}

/** Pods on every node in the first namespace, and policies in all of them, each for all pods of its own. */
async function fill(lab: LabHandle, { kube }: Cluster): Promise<void> {
  for (let index = 0; index < NAMESPACES; index += 1) await lab.createNamespace(namespaceOf(index));
  const names = lab.nodes.flatMap((node) =>
    Array.from({ length: PODS_PER_NODE }, (_, index) => ({ node, name: `pod-${node}-${index}` })),
  );
  await lab.apply(names.map(({ node, name }) => podManifest({ namespace: namespaceOf(0), name, node }, idle)));
  await lab.podsReady(namespaceOf(0));
  const others = Array.from(
    { length: POLICIES - 1 },
    (_, index) => [index % NAMESPACES, `policy-${index}`, 80] as const,
  );
  for (const [namespace, name, port] of [[0, CHANGED, 9_999] as const, ...others])
    await kube.post(pathOf(namespace), {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name },
      spec: specOf(port),
    });
}

function specOf(port: number): object {
  return { podSelector: {}, ingress: [{ from: [{ podSelector: {} }], ports: [{ port }] }] };
}

function namespaceOf(index: number): string {
  return `bench-policy-${index}`;
}

function pathOf(namespace: number, name = ''): string {
  return `/apis/networking.k8s.io/v1/namespaces/${namespaceOf(namespace)}/networkpolicies${name === '' ? '' : `/${name}`}`;
}

/** Follows the configuration; resolves, for a port, with the revision in which the changed policy's group has it. */
async function followGroup(cluster: Cluster, signal: AbortSignal): Promise<(port: number) => Promise<Position>> {
  const { contrail } = await openInstallation(cluster);
  let seen: { readonly port: number; readonly position: Position } | undefined;
  let waiting: { readonly port: number; readonly done: (position: Position) => void } | undefined;
  const settle = (): void => {
    if (seen !== undefined && seen.port === waiting?.port) waiting.done(seen.position);
  };
  void watchConfig({
    client: contrail,
    onChange: ({ objects, changed, revision, epoch }) => {
      const ports = [...changed].flatMap((uuid) => portsOf(objects.get(uuid)));
      const [port] = ports;
      if (port === undefined) return;
      seen = { port, position: { revision, epoch } };
      settle();
    },
    signal,
    log: createLogger('bench', 'warn'),
    debounceMs: 0,
  });
  return async (port) =>
    await new Promise((done) => {
      waiting = { port, done };
      settle();
    });
}

/** The port of the changed policy's group. */
function portsOf(object: ContrailObject | undefined): readonly number[] {
  if (object?.type !== 'security-group' || !object.fq_name.at(-1)?.startsWith(`${CHANGED}__`)) return [];
  const rules = (object as SecurityGroup).security_group_entries?.policy_rule ?? [];
  return rules.slice(0, 1).flatMap(({ dst_ports: [ports] }) => (ports === undefined ? [] : [ports.start_port]));
}

/** Waits until a node's kernel has come to a revision. */
async function stands(port: number, { revision, epoch }: Position): Promise<void> {
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}/introspect/revision`);
    const at = (await answer.json()) as Position;
    if (at.epoch === epoch && at.revision >= revision) return;
    await sleep(2);
  }
}
