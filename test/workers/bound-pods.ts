/** Pods that a scheduler would have bound, made by the thousand, and what the workers have given them. */
import { ANNOTATION } from '../../kubernetes/annotations.ts';
import type { KubeClient, KubeObject } from '../../kubernetes/client.ts';
import { parsePorts } from '../../kubernetes/ports.ts';
import { inParallel } from '../../workers/in-parallel.ts';

const AT_ONCE = 16;

/** Creates a pod on node n1. */
export async function createBoundPod(kube: KubeClient, namespace: string, name: string): Promise<KubeObject> {
  const spec = { nodeName: 'n1', terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image: 'busybox' }] };
  return await kube.post(`/api/v1/namespaces/${namespace}/pods`, { metadata: { name }, spec });
}

/** Creates the pods `pod-<first>` and on, many at a time. */
export async function createBoundPods(kube: KubeClient, namespace: string, count: number, first = 0): Promise<void> {
  const names = Array.from({ length: count }, (_, index) => `pod-${first + index}`);
  await inParallel(names, AT_ONCE, async (name) => void (await createBoundPod(kube, namespace, name)));
}

/** The ports annotation of each pod that has one, by the pod's name. */
export async function portsOfPods(kube: KubeClient, namespace: string): Promise<ReadonlyMap<string, string>> {
  const { items } = await kube.list(`/api/v1/namespaces/${namespace}/pods`);
  return new Map(
    items.flatMap(({ metadata }) => {
      const text = metadata.annotations?.[ANNOTATION.ports];
      return text === undefined ? [] : [[metadata.name, text] as const];
    }),
  );
}

/** All addresses in ports annotations. */
export function addressesIn(ports: Iterable<string>): readonly string[] {
  return [...ports].flatMap((text) => parsePorts(text)?.interfaces.flatMap(({ ips }) => ips) ?? []);
}
