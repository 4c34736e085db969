/** A namespace: its mode from Kubernetes, its project, group and networks from Contrail. */
import { desiredNamespace, type NamespaceInput } from '../../contrail/desired/namespace.ts';
import { reportEvent } from '../../kubernetes/events.ts';
import { messageOf } from '../../runtime/errors.ts';
import type { Deps, Observation, Reconciler } from '../deps.ts';
import { namespaceInput } from '../desired/namespace.ts';
import { outdatedPodsMessage } from '../desired/outdated.ts';
import type { Key } from '../keys.ts';
import { readNamespace } from '../lookup.ts';

export const namespaceReconciler: Reconciler<NamespaceInput> = {
  input: async (key, deps) => {
    const namespace = await readNamespace(key.name, deps);
    return namespace === undefined ? undefined : namespaceInput(namespace, deps.settings);
  },
  observe: async (key, _input, deps) => observe(key, deps),
  desired: desiredNamespace,
  finish: async (input, deps) => {
    await tellOfOutdatedPods(input, deps);
    return input;
  },
};

/** A namespace whose mode has changed is told which pods it has not moved. An Event that cannot be written ends nothing. */
async function tellOfOutdatedPods({ name, uid }: NamespaceInput, deps: Deps): Promise<void> {
  const namespace = deps.view.namespaces.get(name);
  if (namespace === undefined || namespace.uid !== uid) return;
  const message = outdatedPodsMessage(namespace, deps.view.podsOf(name), deps.settings);
  if (message === undefined) return;
  const object = { apiVersion: 'v1', kind: 'Namespace', name, uid };
  const report = {
    object,
    reason: 'PodsKeepTheirNetwork',
    message,
    type: 'Normal',
    component: 'opencontrail-workers',
  } as const;
  await reportEvent(deps.kube, report).catch((error: unknown) =>
    deps.log.warn({ namespace: name, reason: messageOf(error) }, 'cannot report an Event'),
  );
}

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
