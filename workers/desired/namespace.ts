/** A namespace as Contrail is to have it: its mode decides which networks are its own. Pure. */
import type { NamespaceInput } from '../../contrail/desired/namespace.ts';
import type { FqName } from '../../contrail/objects.ts';
import { ANNOTATION } from '../../kubernetes/annotations.ts';
import {
  appOf,
  assignmentForNamespace,
  formatAssignment,
  type NamespaceAssignment,
  parsePodAssignment,
} from '../../kubernetes/assignment.ts';
import { fabricFlags } from '../../kubernetes/fabric-flags.ts';
import type { Mode } from '../../kubernetes/intent.ts';
import type { SlimNamespace, SlimPod } from '../../kubernetes/objects.ts';
import { problemText } from '../../kubernetes/problems.ts';
import { TerminalError } from '../../runtime/errors.ts';
import type { ClusterSettings } from '../cluster-settings.ts';

/** What to make of a namespace. Throws a `TerminalError` that names the annotation which asks for what cannot be. */
export function namespaceInput(
  namespace: SlimNamespace,
  /** Whether some pod, of whichever namespace, is in the namespace's own network: then it is kept, whatever the mode. */
  inOwnNetwork: boolean,
  settings: ClusterSettings,
): NamespaceInput & { readonly mode: Mode; readonly assignment: string } {
  const assignment = assignmentOf(namespace, settings);
  const { mode } = assignment;
  const isolated = isIsolated(mode) || inOwnNetwork;
  const { name, uid, annotations } = namespace;
  return {
    name,
    uid,
    isolated,
    mode,
    assignment: formatAssignment(assignment),
    ...fabricFlags(annotations, settings.fabric),
  };
}

/** Whether namespaces of a mode have networks of their own. */
export function isIsolated(mode: Mode): boolean {
  return mode === 'namespace' || mode === 'app';
}

/** The networks that a namespace's pods and services are in. Throws like `namespaceInput`. */
export function namespaceNetworks(
  namespace: SlimNamespace,
  settings: ClusterSettings,
): { readonly podNetwork: FqName; readonly serviceNetwork: FqName } {
  const { podNetwork, serviceNetwork } = assignmentOf(namespace, settings);
  return { podNetwork: podNetwork.split(':'), serviceNetwork: serviceNetwork.split(':') };
}

/** The mode of a namespace. Throws like `namespaceInput`. */
export function namespaceMode(namespace: SlimNamespace, settings: ClusterSettings): Mode {
  return assignmentOf(namespace, settings).mode;
}

/** The mode of a namespace, or `undefined` where its annotations ask for what cannot be: then it is left as it is. */
export function grantedMode(namespace: SlimNamespace, settings: ClusterSettings): Mode | undefined {
  const verdict = assignmentForNamespace(namespace, contextOf(settings));
  return verdict.kind === 'assigned' ? verdict.assignment.mode : undefined;
}

/**
 * The network that services of a namespace are in, unless each has its own. Throws like `namespaceInput`. A namespace that has
 * just been isolated keeps its services where its running pods still reach them: they move when the last of these has gone, so
 * that neither the old nor the new pods are ever without their services. `podsIn` yields the namespace's pods in a network.
 */
export function serviceNetworkOf(
  namespace: SlimNamespace,
  podsIn: (network: string) => readonly SlimPod[],
  settings: ClusterSettings,
): FqName {
  const own = namespaceNetworks(namespace, settings).serviceNetwork;
  const { clusterPodNetwork, clusterServiceNetwork } = settings.names;
  if (own.join(':') === clusterServiceNetwork.join(':')) return own;
  return podsIn(clusterPodNetwork.join(':')).some(isOfTheDefault) ? clusterServiceNetwork : own;
}

/**
 * The networks that one Service of an app-isolated namespace is open to besides those of apps: the namespace's own, where pods
 * without an app are, for a Service without one, or where apps are isolated no longer; and any network that pods of the
 * namespace have been left in.
 */
export function networksAdmitted(
  namespace: SlimNamespace,
  { app, podsIn }: { readonly app: string | undefined; readonly podsIn: (network: string) => readonly SlimPod[] },
  settings: ClusterSettings,
): readonly FqName[] {
  const { names } = settings;
  const own = names.podNetwork(namespace.name);
  const isLeft = podsIn(names.clusterPodNetwork.join(':')).some(isOfTheDefault);
  const isOpen =
    app === undefined ||
    namespaceMode(namespace, settings) !== 'app' ||
    podsIn(own.join(':')).some((pod) => appOf(pod) !== undefined);
  return [...(isLeft ? [names.clusterPodNetwork] : []), ...(isOpen ? [own] : [])];
}

/** A pod that names the cluster's network itself is there to stay: nobody waits for it. */
function isOfTheDefault({ annotations }: SlimPod): boolean {
  return parsePodAssignment(annotations[ANNOTATION.assignment])?.mode !== 'custom';
}

function assignmentOf(namespace: SlimNamespace, settings: ClusterSettings): NamespaceAssignment {
  const verdict = assignmentForNamespace(namespace, contextOf(settings));
  if (verdict.kind === 'assigned') return verdict.assignment;
  const problems = verdict.problems.map(problemText).join('; ');
  throw new TerminalError('AssignmentRefused', `namespace ${namespace.name}: ${problems}`);
}

/** What decisions of admission depend on, as the workers' settings have it. */
export function contextOf({ cluster, defaultMode, names, foreignElsewhere }: ClusterSettings) {
  return { clusterName: cluster, defaultMode, names, foreignElsewhere };
}
