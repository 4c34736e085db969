/** A namespace as Contrail is to have it: its mode decides which networks are its own. Pure. */
import type { NamespaceInput } from '../../contrail/desired/namespace.ts';
import type { FqName } from '../../contrail/objects.ts';
import { assignmentForNamespace, type NamespaceAssignment } from '../../kubernetes/assignment.ts';
import type { SlimNamespace } from '../../kubernetes/objects.ts';
import { problemText } from '../../kubernetes/problems.ts';
import { TerminalError } from '../../runtime/errors.ts';
import type { ClusterSettings } from '../cluster-settings.ts';

/** What to make of a namespace. Throws a `TerminalError` that names the annotation which asks for what cannot be. */
export function namespaceInput(namespace: SlimNamespace, settings: ClusterSettings): NamespaceInput {
  const { mode } = assignmentOf(namespace, settings);
  return { name: namespace.name, uid: namespace.uid, isolated: mode === 'namespace' };
}

/** The networks that a namespace's pods and services are in. Throws like `namespaceInput`. */
export function namespaceNetworks(
  namespace: SlimNamespace,
  settings: ClusterSettings,
): { readonly podNetwork: FqName; readonly serviceNetwork: FqName } {
  const { podNetwork, serviceNetwork } = assignmentOf(namespace, settings);
  return { podNetwork: podNetwork.split(':'), serviceNetwork: serviceNetwork.split(':') };
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
