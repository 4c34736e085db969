/** What a namespace becomes: a project, its default security group and, isolated, its own two networks (facts 1.2). Pure. */
import { uuidOf } from '../names.ts';
import type { ContrailObject, FqName, PolicyAddress, PolicyRule } from '../objects.ts';
import type { Owner } from '../ownership.ts';
import { project } from './cluster.ts';
import { flatNetwork, passPolicy } from './network.ts';
import { inProject, type Naming, ownerFor } from './owner.ts';

export interface NamespaceInput {
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
    securityGroup(naming.names.defaultSecurityGroup(name), owner),
    ...(isolated ? ownNetworks(name, owner, naming) : []),
  ];
}

/** The pod and the service network of an isolated namespace, which talk with each other, with nodes and with cluster services. */
function ownNetworks(namespace: string, owner: Owner, { names }: Naming): readonly ContrailObject[] {
  const [pods, services] = [names.podNetwork(namespace), names.serviceNetwork(namespace)];
  const policy = names.namespacePolicy(namespace);
  const { ipFabricPolicy, servicePolicy, systemServicePolicy } = names;
  const between = { source: { network: pods }, destinations: [{ network: services }] };
  return [
    passPolicy({ fqName: policy, ...between }, owner),
    flatNetwork(
      { fqName: pods, ipam: names.podIpam, policies: [policy, ipFabricPolicy, servicePolicy, systemServicePolicy] },
      owner,
    ),
    flatNetwork({ fqName: services, ipam: names.serviceIpam, policies: [policy, ipFabricPolicy] }, owner),
  ];
}

const LOCAL: PolicyAddress = { security_group: 'local' };
const EVERYBODY: readonly (readonly [ethertype: 'IPv4' | 'IPv6', address: PolicyAddress])[] = [
  ['IPv4', { subnet: { ip_prefix: '0.0.0.0', ip_prefix_len: 0 } }],
  ['IPv6', { subnet: { ip_prefix: '::', ip_prefix_len: 0 } }],
];

/** The group that every interface of a namespace starts in: all traffic, both ways, both families (facts 1.2, step 6). */
function securityGroup(fqName: FqName, owner: Owner): ContrailObject {
  const ingress = EVERYBODY.map(([ethertype, address]) => allow(ethertype, address, LOCAL));
  const egress = EVERYBODY.map(([ethertype, address]) => allow(ethertype, LOCAL, address));
  return inProject({ type: 'security-group', uuid: uuidOf('security-group', fqName), fqName }, owner, {
    display_name: fqName.at(-1),
    security_group_entries: { policy_rule: [...ingress, ...egress] },
  });
}

function allow(ethertype: 'IPv4' | 'IPv6', source: PolicyAddress, destination: PolicyAddress): PolicyRule {
  const ports = [{ start_port: 0, end_port: 65_535 }];
  return {
    direction: '>',
    protocol: 'any',
    ethertype,
    src_addresses: [source],
    src_ports: ports,
    dst_addresses: [destination],
    dst_ports: ports,
  };
}
