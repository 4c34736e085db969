/** What a NetworkAttachmentDefinition with subnets becomes: a network of its own and its IPAM (facts 1.8). Pure. */
import { uuidOf } from '../names.ts';
import type { ContrailObject, IpamSubnet } from '../objects.ts';
import { type FabricFlags, fabricFields } from './fabric.ts';
import { inProject, type Naming, ownerFor } from './owner.ts';

export interface AttachmentInput extends FabricFlags {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Empty for a definition that refers to a network: it makes none. */
  readonly subnets: readonly IpamSubnet[];
}

/** Everything under the key `NetworkAttachmentDefinition/<namespace>/<name>`. No policy: such a network is an island. */
export function desiredAttachment(input: AttachmentInput, naming: Naming): readonly ContrailObject[] {
  const { namespace, name, subnets } = input;
  if (subnets.length === 0) return [];
  const owner = ownerFor({ kind: 'NetworkAttachmentDefinition', namespace, name }, naming);
  const ipam = naming.names.attachmentIpam(namespace, name);
  const network = naming.names.attachmentNetwork(namespace, name);
  return [
    inProject({ type: 'network-ipam', uuid: uuidOf('network-ipam', ipam), fqName: ipam }, owner, {
      display_name: ipam.at(-1),
    }),
    inProject({ type: 'virtual-network', uuid: uuidOf('virtual-network', network), fqName: network }, owner, {
      display_name: network.at(-1),
      address_allocation_mode: 'user-defined-subnet-only',
      virtual_network_properties: { forwarding_mode: 'l3' },
      ...fabricFields(input),
      network_ipam_refs: [{ to: ipam, attr: { ipam_subnets: subnets } }],
    }),
  ];
}
