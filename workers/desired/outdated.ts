/** Pods that keep a network which their namespace no longer gives: a namespace's mode does not move running pods (design 7). Pure. */
import { ANNOTATION } from '../../kubernetes/annotations.ts';
import type { SlimNamespace, SlimPod } from '../../kubernetes/objects.ts';
import { portsOfPod } from '../../kubernetes/ports.ts';
import type { ClusterSettings } from '../cluster-settings.ts';
import { namespaceNetworks } from './namespace.ts';
import { isWantedPod } from './pod.ts';

const NAMED = 5;

/** What to tell the namespace's owner, or `undefined` when every pod is where the namespace says. */
export function outdatedPodsMessage(
  namespace: SlimNamespace,
  pods: readonly SlimPod[],
  settings: ClusterSettings,
): string | undefined {
  const network = namespaceNetworks(namespace, settings).podNetwork.join(':');
  const outdated = pods.filter((pod) => isWantedPod(pod) && isElsewhere(pod, network)).map(({ name }) => name);
  if (outdated.length === 0) return undefined;
  const named = outdated.sort().slice(0, NAMED).join(', ');
  const others = outdated.length > NAMED ? ` and ${outdated.length - NAMED} more` : '';
  return `pods of this namespace belong to ${network} now; those that run keep their network until they are re-created: ${named}${others}`;
}

function isElsewhere({ annotations, uid }: SlimPod, network: string): boolean {
  const port = portsOfPod(annotations[ANNOTATION.ports], uid)?.interfaces[0];
  return port !== undefined && port.network !== network;
}
