/** The cluster's singletons: always wanted, never deleted by a run. */
import { desiredCluster } from '../../contrail/desired/cluster.ts';
import { IP_FABRIC, uuidOf } from '../../contrail/names.ts';
import type { ContrailObject } from '../../contrail/objects.ts';
import { referenceBetween } from '../../contrail/reference.ts';
import { type FabricFlags, fabricFlags } from '../../kubernetes/fabric-flags.ts';
import type { Deps, Observation, Reconciler } from '../deps.ts';
import { readNamespace } from '../lookup.ts';

export interface ClusterSubject extends FabricFlags {
  readonly defaultNamespaceUid?: string;
}

export const clusterReconciler: Reconciler<ClusterSubject> = {
  input: async (_key, deps) => {
    const namespace = await readNamespace('default', deps);
    const { fabric } = deps.settings;
    if (namespace === undefined) return fabric;
    // Its own network is the cluster's (facts 1.2.4a).
    return { defaultNamespaceUid: namespace.uid, ...fabricFlags(namespace.annotations, fabric) };
  },
  observe: async (_key, _input, deps) => observe(deps),
  desired: (input, settings, { anchor }) => {
    const { podSubnets, serviceSubnets } = settings;
    const fabric = anchor === undefined ? {} : { ipFabric: anchor };
    return desiredCluster({ ...input, podSubnets, serviceSubnets, ...fabric }, settings);
  },
};

async function observe({ contrail, settings: { names } }: Deps): Promise<Observation> {
  const ipFabric = await contrail.readByName('virtual-network', IP_FABRIC);
  // The server lays it at its start (config-api facts 13); without it nodes and pods cannot be joined.
  if (ipFabric === undefined) return { kind: 'waiting', missing: `virtual-network ${IP_FABRIC.join(':')}`, keys: [] };
  const namesByType = {
    project: [names.project('default')],
    'network-ipam': [names.podIpam, names.serviceIpam],
    'network-policy': [
      names.ipFabricPolicy,
      names.servicePolicy,
      names.podServicePolicy,
      names.customServicePolicy,
      names.systemServicePolicy,
    ],
    'virtual-network': [names.clusterPodNetwork, names.clusterServiceNetwork, names.systemServiceNetwork],
  };
  const lists = Object.entries(namesByType).map(([type, fqNames]) => contrail.list(type, { fqNames, detail: true }));
  return {
    kind: 'observed',
    found: [...(await Promise.all(lists)).flat(), ...attachment(ipFabric, names.ipFabricPolicy)],
    anchor: ipFabric,
  };
}

/** The one reference of ours on the nodes' network, where it is there. */
function attachment(ipFabric: ContrailObject, policy: readonly string[]): readonly ContrailObject[] {
  // The schema's references from a network to its policies.
  const references = (ipFabric['network_policy_refs'] ?? []) as readonly {
    to: readonly string[];
    uuid?: string;
    attr?: unknown;
  }[];
  const found = references.find(({ to }) => to.join(':') === policy.join(':'));
  if (found === undefined) return [];
  const target = { type: 'network-policy', uuid: found.uuid ?? uuidOf('network-policy', policy), fq_name: policy };
  return [referenceBetween(ipFabric, target, found.attr)];
}
