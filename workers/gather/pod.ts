/** A pod: its networks from Kubernetes, its machine, interfaces, addresses and place on a router from Contrail. */
import { desiredPod } from '../../contrail/desired/pod.ts';
import type { ContrailObject, FqName, Reference } from '../../contrail/objects.ts';
import { type End, referenceBetween } from '../../contrail/reference.ts';
import type { Deps, Observation, Reconciler } from '../deps.ts';
import { isWantedPod, type PodSubject, podSubject } from '../desired/pod.ts';
import { type Key, nodeKey } from '../keys.ts';
import { readExistingNamespace, readLiveNamespace, readPod } from '../lookup.ts';
import { writePodResult } from '../pod-result.ts';

export const podReconciler: Reconciler<PodSubject> = {
  input: async ({ namespace, name }, deps) => {
    const pod = await readPod(namespace, name, deps);
    if (pod === undefined || !isWantedPod(pod)) return undefined;
    const nodeUid = deps.view.nodes.get(pod.nodeName ?? '')?.uid;
    const home = await readExistingNamespace(namespace, deps);
    try {
      return podSubject({ pod, namespace: home, nodeUid }, deps.settings);
    } catch (error) {
      // A cache of namespaces that is behind must not refuse a pod for what admission has rightly decided.
      const live = await readLiveNamespace(namespace, deps);
      if (live === undefined) throw error;
      return podSubject({ pod, namespace: live, nodeUid }, deps.settings);
    }
  },
  observe,
  desired: (subject, settings, router) =>
    router === undefined ? [] : desiredPod({ ...subject, virtualRouter: router }, settings),
  finish: writePodResult,
};

async function observe(key: Key, subject: PodSubject | undefined, deps: Deps): Promise<Observation> {
  const { settings, names } = deps;
  const found = await observePod(settings.names.virtualMachine(key.namespace, key.name), deps);
  if (subject === undefined) return { kind: 'observed', found };
  const fqName = settings.names.virtualRouter(subject.node);
  const uuid = await names.uuidOf('virtual-router', fqName);
  if (uuid === undefined) return waiting(`the virtual router of node ${subject.node}`, [nodeKey(subject.node)]);
  return { kind: 'observed', found, anchor: { type: 'virtual-router', uuid, fq_name: fqName } };
}

function waiting(missing: string, keys: readonly string[]): Observation {
  return { kind: 'waiting', missing, keys };
}

/** Everything that hangs on a pod's machine: the machine itself is found by name, since a deleted pod's UID is gone. */
async function observePod(fqName: FqName, { contrail }: Deps): Promise<readonly ContrailObject[]> {
  const fields = ['virtual_router_back_refs'];
  const machines = await contrail.list('virtual-machine', { fqNames: [fqName], detail: true, fields });
  const [machine] = machines;
  if (machine === undefined) return [];
  const interfaces = await contrail.list('virtual-machine-interface', { backRefId: machine.uuid, detail: true });
  const vmis = interfaces.map(({ uuid }) => uuid);
  const addresses = vmis.length === 0 ? [] : await contrail.list('instance-ip', { backRefId: vmis, detail: true });
  return [
    machine,
    ...interfaces,
    ...addresses,
    ...routersOf(machine).map((router) => referenceBetween(router, machine)),
  ];
}

function routersOf(machine: ContrailObject): readonly End[] {
  // Asked for above; absent when no router refers to the machine (config-api facts 2).
  const references = (machine['virtual_router_back_refs'] ?? []) as readonly Reference[];
  return references.flatMap(({ to, uuid }) =>
    uuid === undefined ? [] : [{ type: 'virtual-router', uuid, fq_name: to }],
  );
}
