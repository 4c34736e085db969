/** Which networks a pod is in, or is to be in. Pure. */
import type { Names } from '../contrail/names.ts';
import { ANNOTATION } from '../kubernetes/annotations.ts';
import { parsePodAssignment } from '../kubernetes/assignment.ts';
import type { SlimPod } from '../kubernetes/objects.ts';
import { portsOfPod } from '../kubernetes/ports.ts';

/** The networks of a pod's ports, else those of its assignment, in the colon form; none for a pod that has run to its end. */
export function networksOfPod({ annotations, uid, phase }: SlimPod): readonly string[] {
  if (phase === 'Succeeded' || phase === 'Failed') return [];
  const held = portsOfPod(annotations[ANNOTATION.ports], uid) ?? parsePodAssignment(annotations[ANNOTATION.assignment]);
  return [...new Set((held?.interfaces ?? []).map(({ network }) => network))];
}

/** Those of a pod's networks that are neither the cluster's nor its namespace's own. */
export function customNetworksOfPod(
  pod: SlimPod,
  { clusterPodNetwork, podNetwork }: Pick<Names, 'clusterPodNetwork' | 'podNetwork'>,
): readonly string[] {
  const usual = new Set([clusterPodNetwork.join(':'), podNetwork(pod.namespace).join(':')]);
  return networksOfPod(pod).filter((network) => !usual.has(network));
}

/** The app of a namespace whose network this is, or `undefined`. */
export function appOfNetwork(
  network: string,
  namespace: string,
  { appNetwork }: Pick<Names, 'appNetwork'>,
): string | undefined {
  // No name of Kubernetes' holds a star.
  const [prefix = '', suffix = ''] = appNetwork(namespace, '*').join(':').split('*');
  if (!network.startsWith(prefix) || !network.endsWith(suffix)) return undefined;
  const app = network.slice(prefix.length, -suffix.length);
  return app === '' ? undefined : app;
}
