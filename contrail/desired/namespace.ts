/** What a namespace becomes: a project, its open security groups and, isolated, its own two networks (facts 1.2). Pure. */
import { openGroup, uuidOf } from '../names.ts';
import type { ContrailObject, FqName, PolicyRule } from '../objects.ts';
import type { Owner } from '../ownership.ts';
import { project } from './cluster.ts';
import type { FabricFlags } from './fabric.ts';
import { flatNetwork, passPolicy } from './network.ts';
import { everythingIn } from './network-policy.ts';
import { inProject, type Naming, ownerFor } from './owner.ts';

export interface NamespaceInput extends FabricFlags {
  readonly name: string;
  readonly uid: string;
  /** Whether the namespace has networks of its own (mode `namespace`). */
  readonly isolated: boolean;
}

/** Everything under the key `Namespace/<name>`. The project of `default` and its networks are the cluster's own. */
export function desiredNamespace(input: NamespaceInput, naming: Naming): readonly ContrailObject[] {
  const { name, uid } = input;
  const owner = ownerFor({ kind: 'Namespace', namespace: name, name }, naming);
  const isolated = input.isolated && name !== 'default';
  const annotations = { k8s_uuid: uid, isolated: isolated ? 'True' : 'False' };
  return [
    ...(name === 'default' ? [] : [project(naming.names.project(name), owner, annotations)]),
    ...desiredOpenGroups(name, naming),
    ...(isolated ? ownNetworks(input, owner, naming) : []),
  ];
}

/** The pod and the service network of an isolated namespace, which talk with each other, with nodes and with cluster services. */
function ownNetworks(input: NamespaceInput, owner: Owner, { names }: Naming): readonly ContrailObject[] {
  const { name: namespace } = input;
  const [pods, services] = [names.podNetwork(namespace), names.serviceNetwork(namespace)];
  const policy = names.namespacePolicy(namespace);
  const { ipFabricPolicy, servicePolicy, systemServicePolicy } = names;
  const between = { source: { network: pods }, destinations: [{ network: services }] };
  return [
    passPolicy({ fqName: policy, ...between }, owner),
    flatNetwork(
      {
        fqName: pods,
        ipam: names.podIpam,
        policies: [policy, ipFabricPolicy, servicePolicy, systemServicePolicy],
        fabric: input,
      },
      owner,
    ),
    flatNetwork({ fqName: services, ipam: names.serviceIpam, policies: [policy, ipFabricPolicy] }, owner),
  ];
}

/** Groups that allow everything: of both directions, which every interface starts in (facts 1.2, step 6), and of one. */
export function desiredOpenGroups(namespace: string, naming: Naming): readonly ContrailObject[] {
  const { names } = naming;
  const owner = ownerFor({ kind: 'Namespace', namespace, name: namespace }, naming);
  const [ingress, egress] = [everythingIn('ingress'), everythingIn('egress')];
  return [
    securityGroup(names.defaultSecurityGroup(namespace), [...ingress, ...egress], owner),
    securityGroup(openGroup(names, namespace, 'ingress'), ingress, owner),
    securityGroup(openGroup(names, namespace, 'egress'), egress, owner),
  ];
}

function securityGroup(fqName: FqName, rules: readonly PolicyRule[], owner: Owner): ContrailObject {
  return inProject({ type: 'security-group', uuid: uuidOf('security-group', fqName), fqName }, owner, {
    display_name: fqName.at(-1),
    security_group_entries: { policy_rule: rules },
  });
}
