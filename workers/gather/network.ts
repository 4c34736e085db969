/**
 * Service access of a network that pods have chosen, whoever made it: one policy of ours, attached while pods are in the
 * network and nobody has switched it off. The network itself is not ours here, so only that reference is changed.
 */
import { policyOn } from '../../contrail/desired/network.ts';
import type { ContrailObject, Reference } from '../../contrail/objects.ts';
import type { End, ReferenceObject } from '../../contrail/reference.ts';
import { ANNOTATION } from '../../kubernetes/annotations.ts';
import { parseSwitch } from '../../kubernetes/grammar.ts';
import { namespaceOfNetwork } from '../../kubernetes/custom-network.ts';
import type { ClusterSettings } from '../cluster-settings.ts';
import type { Deps, Reconciler } from '../deps.ts';

export interface NetworkSubject {
  readonly network: string;
  readonly serviceAccess: boolean;
}

export const networkReconciler: Reconciler<NetworkSubject> = {
  input: async ({ name }, deps) => {
    const pods = deps.view.podsInNetwork(name);
    return pods.length === 0 ? undefined : { network: name, serviceAccess: hasServiceAccess(name, pods, deps) };
  },
  observe: async ({ name }, _input, { contrail, settings }) => {
    const [network] = await contrail.list('virtual-network', { fqNames: [name.split(':')], detail: true });
    if (network === undefined) return { kind: 'observed', found: [] };
    return { kind: 'observed', found: attachedTo(network, settings), anchor: network };
  },
  desired: ({ serviceAccess }, settings, { anchor: network }) =>
    serviceAccess && network !== undefined ? [accessOf(network, settings)] : [],
};

function accessOf(network: End, { names: { customServicePolicy } }: ClusterSettings): ReferenceObject {
  return policyOn(network, customServicePolicy);
}

function attachedTo(network: ContrailObject, settings: ClusterSettings): readonly ContrailObject[] {
  // The schema's references from a network to its policies.
  const references = (network['network_policy_refs'] ?? []) as readonly Reference[];
  const name = settings.names.customServicePolicy.join(':');
  return references.some(({ to }) => to.join(':') === name) ? [accessOf(network, settings)] : [];
}

/** A VirtualNetwork says it itself; of others, each namespace with pods in it may take the access away. */
function hasServiceAccess(network: string, pods: readonly string[], { view, settings }: Deps): boolean {
  const fqName = network.split(':');
  const home = namespaceOfNetwork(fqName, settings.names);
  const resource = home === undefined ? undefined : view.virtualNetworks.get(`${home}/${fqName[2] ?? ''}`);
  if (resource !== undefined) return resource.serviceAccess;
  const namespaces = new Set(pods.map((key) => key.split('/')[1] ?? ''));
  return [...namespaces].every(
    (name) => !isSwitchedOff(view.namespaces.get(name)?.annotations[ANNOTATION.serviceAccess]),
  );
}

function isSwitchedOff(text: string | undefined): boolean {
  const parsed = parseSwitch(text ?? '');
  return parsed.ok && !parsed.value;
}
