/** A namespace: its mode from Kubernetes, its project, group and networks from Contrail. */
import { desiredNamespace, type NamespaceInput } from '../../contrail/desired/namespace.ts';
import type { Deps, Observation, Reconciler } from '../deps.ts';
import { namespaceInput } from '../desired/namespace.ts';
import type { Key } from '../keys.ts';
import { readNamespace } from '../lookup.ts';

export const namespaceReconciler: Reconciler<NamespaceInput> = {
  input: async (key, deps) => {
    const namespace = await readNamespace(key.name, deps);
    return namespace === undefined ? undefined : namespaceInput(namespace, deps.settings);
  },
  observe: async (key, _input, deps) => observe(key, deps),
  desired: desiredNamespace,
};

async function observe({ name }: Key, { contrail, settings: { names } }: Deps): Promise<Observation> {
  const namesByType = {
    project: [names.project(name)],
    'security-group': [names.defaultSecurityGroup(name)],
    'network-policy': [names.namespacePolicy(name)],
    'virtual-network': [names.podNetwork(name), names.serviceNetwork(name)],
  };
  const lists = Object.entries(namesByType).map(([type, fqNames]) => contrail.list(type, { fqNames, detail: true }));
  return { kind: 'observed', found: (await Promise.all(lists)).flat() };
}
