/** What a cluster has once: its default project, address space, networks and the policies between them (facts 1.1). Pure. */
import { IP_FABRIC, uuidOf } from '../names.ts';
import type { ContrailObject, FqName, Subnet } from '../objects.ts';
import { annotationsFor, type Owner } from '../ownership.ts';
import type { End } from '../reference.ts';
import type { FabricFlags } from './fabric.ts';
import { flatNetwork, passPolicy, policyOn } from './network.ts';
import { inProject, type Naming, ownerFor } from './owner.ts';

export interface ClusterInput extends FabricFlags {
  readonly podSubnets: readonly Subnet[];
  readonly serviceSubnets: readonly Subnet[];
  /** UID of the namespace `default`, whose project is the cluster's; absent while it is not known. */
  readonly defaultNamespaceUid?: string;
  /** The network of the nodes, as the config database holds it. It is not ours: only one reference is added to it. */
  readonly ipFabric?: End;
}

/** Everything under the key `Cluster/<cluster>`. */
export function desiredCluster(input: ClusterInput, naming: Naming): readonly ContrailObject[] {
  const { names, cluster } = naming;
  const owner = ownerFor({ kind: 'Cluster', name: cluster }, naming);
  return [
    project(names.project('default'), owner, { k8s_uuid: input.defaultNamespaceUid, isolated: 'False' }),
    flatIpam(names.podIpam, input.podSubnets, owner),
    flatIpam(names.serviceIpam, input.serviceSubnets, owner),
    ...policies(owner, naming),
    ...networks(input, owner, naming),
    // Pods and nodes may talk: the nodes' network carries the policy too.
    ...(input.ipFabric === undefined ? [] : [policyOn(input.ipFabric, names.ipFabricPolicy)]),
  ];
}

function policies(owner: Owner, { names }: Naming): readonly ContrailObject[] {
  const { ipFabricPolicy, servicePolicy, podServicePolicy, customServicePolicy, systemServicePolicy } = names;
  const { clusterPodNetwork, clusterServiceNetwork, systemServiceNetwork } = names;
  const [services, system] = [{ network: clusterServiceNetwork }, { network: systemServiceNetwork }];
  const between = { source: { network: clusterPodNetwork }, destinations: [services] };
  const custom = { source: { policy: customServicePolicy }, destinations: [services, system] };
  return [
    policyWithEverybodyOn(ipFabricPolicy, IP_FABRIC, owner),
    policyWithEverybodyOn(servicePolicy, clusterServiceNetwork, owner),
    policyWithEverybodyOn(systemServicePolicy, systemServiceNetwork, owner),
    passPolicy({ fqName: customServicePolicy, ...custom }, owner),
    passPolicy({ fqName: podServicePolicy, ...between }, owner),
  ];
}

function networks(fabric: FabricFlags, owner: Owner, { names }: Naming): readonly ContrailObject[] {
  const { ipFabricPolicy, servicePolicy, podServicePolicy, customServicePolicy, systemServicePolicy } = names;
  const rows = [
    {
      fqName: names.clusterPodNetwork,
      ipam: names.podIpam,
      policies: [ipFabricPolicy, podServicePolicy, systemServicePolicy],
      fabric,
    },
    {
      fqName: names.clusterServiceNetwork,
      ipam: names.serviceIpam,
      policies: [ipFabricPolicy, servicePolicy, podServicePolicy, customServicePolicy],
    },
    {
      fqName: names.systemServiceNetwork,
      ipam: names.serviceIpam,
      policies: [ipFabricPolicy, systemServicePolicy, customServicePolicy],
    },
  ];
  return rows.map((row) => flatNetwork(row, owner));
}

/** The Contrail project of a namespace. */
export function project(
  fqName: FqName,
  owner: Owner,
  annotations: Readonly<Record<string, string | undefined>>,
): ContrailObject {
  return {
    type: 'project',
    uuid: uuidOf('project', fqName),
    fq_name: fqName,
    parent_type: 'domain',
    display_name: fqName.at(-1) ?? '',
    ...annotationsFor(owner, annotations),
  };
}

/** Every network that this policy is attached to talks with `network`. */
function policyWithEverybodyOn(fqName: FqName, network: FqName, owner: Owner): ContrailObject {
  return passPolicy({ fqName, source: { policy: fqName }, destinations: [{ network }] }, owner);
}

function flatIpam(fqName: FqName, subnets: readonly Subnet[], owner: Owner): ContrailObject {
  return inProject({ type: 'network-ipam', uuid: uuidOf('network-ipam', fqName), fqName }, owner, {
    display_name: fqName.at(-1),
    ipam_subnet_method: 'flat-subnet',
    ipam_subnets: { subnets: subnets.map((subnet) => ({ subnet })) },
  });
}
