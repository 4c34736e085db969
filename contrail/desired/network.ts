/** Networks, on flat address space or with subnets of their own, and the policies that let two talk (facts 1.1b, 1.1c). Pure. */
import { uuidOf } from '../names.ts';
import {
  type ContrailObject,
  type FqName,
  fqNameText,
  type IpamSubnet,
  type PolicyAddress,
  type PolicyRule,
  type Reference,
} from '../objects.ts';
import type { Owner } from '../ownership.ts';
import { type End, type ReferenceObject, referenceBetween } from '../reference.ts';
import { type FabricFlags, fabricFields } from './fabric.ts';
import { inProject } from './owner.ts';

/** A network whose addresses come from a flat IPAM shared with other networks, so that they stay unique in the cluster. */
export function flatNetwork(
  network: {
    readonly fqName: FqName;
    readonly ipam: FqName;
    readonly policies: readonly FqName[];
    /** Networks of services have none. */
    readonly fabric?: FabricFlags;
  },
  owner: Owner,
): ContrailObject {
  const identity = { type: 'virtual-network', uuid: uuidOf('virtual-network', network.fqName), fqName: network.fqName };
  return inProject(identity, owner, {
    display_name: network.fqName.at(-1),
    address_allocation_mode: 'flat-subnet-only',
    virtual_network_properties: { forwarding_mode: 'l3' },
    ...fabricFields(network.fabric ?? { snat: false, forwarding: false }),
    network_ipam_refs: [{ to: network.ipam, attr: { ipam_subnets: [] } }],
    network_policy_refs: network.policies.map(attached),
  });
}

/** A network with subnets of its own, which may overlap with others', and its ipam. `fields` are its further properties. */
export function subnetNetwork(
  network: {
    readonly fqName: FqName;
    readonly ipam: FqName;
    readonly name: string;
    readonly subnets: readonly IpamSubnet[];
  },
  owner: Owner,
  fields: Readonly<Record<string, unknown>>,
): readonly ContrailObject[] {
  const { fqName, ipam, name, subnets } = network;
  return [
    inProject({ type: 'network-ipam', uuid: uuidOf('network-ipam', ipam), fqName: ipam }, owner, {
      display_name: ipam.at(-1),
      ipam_subnet_method: 'user-defined-subnet',
    }),
    inProject({ type: 'virtual-network', uuid: uuidOf('virtual-network', fqName), fqName }, owner, {
      display_name: name,
      address_allocation_mode: 'user-defined-subnet-only',
      virtual_network_properties: { forwarding_mode: 'l3' },
      ...fields,
      network_ipam_refs: [{ to: ipam, attr: { ipam_subnets: subnets } }],
    }),
  ];
}

/** A policy as a network refers to it. All of ours stand at one place in the order: none contradicts another. */
function attached(policy: FqName): Reference {
  return { to: policy, attr: ATTACHED };
}

/** How `attr` of a reference from a network to one of our policies reads. */
const ATTACHED = { sequence: { major: 0, minor: 0 } } as const;

/** One policy in a network's list, where others attach theirs too. */
export function policyOn(network: End, policy: FqName): ReferenceObject {
  const target = { type: 'network-policy', uuid: uuidOf('network-policy', policy), fq_name: policy };
  return referenceBetween(network, target, ATTACHED);
}

/** One end of a policy's rule: a network, or every network that a policy is attached to. */
export type RuleEnd = { readonly network: FqName } | { readonly policy: FqName };

/** A policy of one rule: all traffic passes between the source and each destination, started from either end. */
export function passPolicy(
  policy: { readonly fqName: FqName; readonly source: RuleEnd; readonly destinations: readonly RuleEnd[] },
  owner: Owner,
): ContrailObject {
  const identity = { type: 'network-policy', uuid: uuidOf('network-policy', policy.fqName), fqName: policy.fqName };
  const rule: PolicyRule = {
    direction: '<>',
    protocol: 'any',
    src_addresses: [addressOf(policy.source)],
    src_ports: [{ start_port: -1, end_port: -1 }],
    dst_addresses: policy.destinations.map(addressOf),
    dst_ports: [{ start_port: -1, end_port: -1 }],
    action_list: { simple_action: 'pass' },
  };
  return inProject(identity, owner, {
    display_name: policy.fqName.at(-1),
    network_policy_entries: { policy_rule: [rule] },
  });
}

function addressOf(end: RuleEnd): PolicyAddress {
  return 'network' in end ? { virtual_network: fqNameText(end.network) } : { network_policy: fqNameText(end.policy) };
}
