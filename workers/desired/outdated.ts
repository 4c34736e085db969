/** Pods that keep a network which a new pod of theirs would not get: no change of mind moves running pods (design 7). Pure. */
import { ANNOTATION } from '../../kubernetes/annotations.ts';
import { assignmentForPod } from '../../kubernetes/assignment.ts';
import type { SlimNamespace, SlimPod } from '../../kubernetes/objects.ts';
import { portsOfPod } from '../../kubernetes/ports.ts';
import type { ClusterSettings } from '../cluster-settings.ts';
import { contextOf, namespaceNetworks } from './namespace.ts';
import { isWantedPod } from './pod.ts';

/** Names in an Event. */
const NAMED = 5;

/** The names of the pods that are in another network than they would be in if they were made now, sorted. */
export function outdatedPods(
  namespace: SlimNamespace,
  pods: readonly SlimPod[],
  settings: ClusterSettings,
): readonly string[] {
  const isElsewhere = (pod: SlimPod): boolean => {
    const held = portsOfPod(pod.annotations[ANNOTATION.ports], pod.uid)?.interfaces[0]?.network;
    if (held === undefined || !isWantedPod(pod)) return false;
    // Its further interfaces are its own choice, whatever its namespace says.
    const { [ANNOTATION.networks]: _further, ...annotations } = pod.annotations;
    const verdict = assignmentForPod({ ...pod, annotations }, namespace, contextOf(settings));
    return verdict.kind === 'assigned' && verdict.assignment.interfaces[0]?.network !== held;
  };
  return pods
    .filter(isElsewhere)
    .map(({ name }) => name)
    .sort();
}

/** What to tell the namespace's owner, or `undefined` when every pod is where it would be now. */
export function outdatedPodsMessage(
  namespace: SlimNamespace,
  pods: readonly SlimPod[],
  settings: ClusterSettings,
): string | undefined {
  const outdated = outdatedPods(namespace, pods, settings);
  if (outdated.length === 0) return undefined;
  const network = namespaceNetworks(namespace, settings).podNetwork.join(':');
  const named = outdated.slice(0, NAMED).join(', ');
  const others = outdated.length > NAMED ? ` and ${outdated.length - NAMED} more` : '';
  return `pods of this namespace belong to ${network} now; those that run keep their network until they are re-created: ${named}${others}`;
}
