/** The cluster's singletons: always wanted, never deleted by a run. */
import { ContrailError } from '../../contrail/client.ts';
import { desiredCluster } from '../../contrail/desired/cluster.ts';
import { IP_FABRIC, uuidOf } from '../../contrail/names.ts';
import type { ContrailObject, PortTranslationPool, Subnet } from '../../contrail/objects.ts';
import { referenceBetween } from '../../contrail/reference.ts';
import { type FabricFlags, fabricFlags } from '../../kubernetes/fabric-flags.ts';
import type { Deps, Observation, Reconciler } from '../deps.ts';
import { readNamespace } from '../lookup.ts';
import { writePortPools } from '../port-pools.ts';
import { joined } from '../subnets.ts';

export interface ClusterSubject extends FabricFlags {
  readonly podSubnets: readonly Subnet[];
  /** Those of the settings, and those that Kubernetes has been given since. */
  readonly serviceSubnets: readonly Subnet[];
  readonly snatPorts: readonly PortTranslationPool[];
  readonly defaultNamespaceUid?: string;
}

export const clusterReconciler: Reconciler<ClusterSubject> = {
  input: async (_key, deps) => {
    const namespace = await readNamespace('default', deps);
    const { fabric, podSubnets, serviceSubnets, snatPorts } = deps.settings;
    const further = [...deps.view.serviceCidrs.list()].sort(byName).flatMap(({ cidrs }) => cidrs);
    const subject = { podSubnets, serviceSubnets: joined(serviceSubnets, further), snatPorts };
    if (namespace === undefined) return { ...subject, ...fabric };
    // Its own network is the cluster's (facts 1.2.4a).
    return { ...subject, defaultNamespaceUid: namespace.uid, ...fabricFlags(namespace.annotations, fabric) };
  },
  observe: async (_key, _input, deps) => observe(deps),
  desired: (input, settings, { anchor }) =>
    desiredCluster({ ...input, ...(anchor === undefined ? {} : { ipFabric: anchor }) }, settings),
  explain: async (error) => explained(error),
  finish: async (input, deps) => {
    await writePortPools(deps);
    return input;
  },
};

/** A subnet that was taken out of the settings stays as long as somebody has an address of it. */
function explained(error: unknown): Error | undefined {
  if (!(error instanceof ContrailError) || error.status !== 409) return undefined;
  const address = /Cannot Delete IP Block, IP\((.+?)\) is in use/.exec(error.message)?.[1];
  if (address === undefined) return undefined;
  const text = `cluster.podCidrs and cluster.serviceCidrs lack ${address}, which is in use: add its subnet again, until nobody has an address of it`;
  return new Error(text, { cause: error });
}

/** The order of a cache is that of arrival, which replicas do not share. */
function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}

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
