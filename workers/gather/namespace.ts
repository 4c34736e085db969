/** A namespace: its mode and its pods from Kubernetes, its project, group and networks from Contrail. */
import { openGroup } from '../../contrail/names.ts';
import { desiredNamespace, type NamespaceInput } from '../../contrail/desired/namespace.ts';
import type { Deps, Observation, Reconciler } from '../deps.ts';
import { namespaceInput } from '../desired/namespace.ts';
import { namespaceStatus } from '../desired/namespace-status.ts';
import { outdatedPods, outdatedPodsMessage } from '../desired/outdated.ts';
import type { Key } from '../keys.ts';
import { readNamespace } from '../lookup.ts';
import { marksOf, type NamespaceStatus, writeNamespaceStatus } from '../namespace-status.ts';

/** What concerns a namespace, and what is to be said on it. */
interface NamespaceSubject extends NamespaceInput {
  readonly status: NamespaceStatus;
}

export const namespaceReconciler: Reconciler<NamespaceSubject> = {
  input: async ({ name }, deps) => {
    const namespace = await readNamespace(name, deps);
    if (namespace === undefined) return undefined;
    const { view, settings } = deps;
    const own = settings.names.podNetwork(name).join(':');
    const { mode, assignment, ...input } = namespaceInput(namespace, view.podsInNetwork(own).length > 0, settings);
    const pods = view.podsOf(name);
    const outdated = outdatedPods(namespace, pods, settings);
    const status = namespaceStatus(namespace, { mode, outdated, isolated: input.isolated, usual: settings.fabric });
    const wanted = { assignment, mode, status };
    const message = outdatedPodsMessage(namespace, pods, settings);
    return { ...input, status: { now: marksOf(namespace), wanted, message } };
  },
  observe: async (key, _input, deps) => observe(key, deps),
  desired: desiredNamespace,
  finish: writeNamespaceStatus,
};

async function observe({ name }: Key, { contrail, settings: { names } }: Deps): Promise<Observation> {
  const namesByType = {
    project: [names.project(name)],
    'security-group': [
      names.defaultSecurityGroup(name),
      openGroup(names, name, 'ingress'),
      openGroup(names, name, 'egress'),
    ],
    'network-policy': [names.namespacePolicy(name)],
    'virtual-network': [names.podNetwork(name), names.serviceNetwork(name)],
  };
  const lists = Object.entries(namesByType).map(([type, fqNames]) => contrail.list(type, { fqNames, detail: true }));
  return { kind: 'observed', found: (await Promise.all(lists)).flat() };
}
