/** Pools of an operator's own: a `floating-ip-pool` in a network of the outside's that no FloatingIPPool has made (facts 5.4). */
import type { ContrailClient } from '../contrail/client.ts';
import type { FqName, IpamSubnet, NetworkIpam, Reference, Subnet, VirtualNetwork } from '../contrail/objects.ts';
import type { ForeignPool } from './desired/external.ts';
import { subnetText } from './subnets.ts';

/** The pool with its network's subnets; `undefined` where there is none, or none of a network that is marked external. */
export async function readForeignPool(fqName: FqName, contrail: ContrailClient): Promise<ForeignPool | undefined> {
  const [pools, networks] = await Promise.all([
    contrail.list('floating-ip-pool', { fqNames: [fqName] }),
    contrail.list('virtual-network', { fqNames: [fqName.slice(0, -1)], detail: true }),
  ]);
  const network = networks[0] as VirtualNetwork | undefined; // Listed by type.
  if (pools.length === 0 || network?.router_external !== true) return undefined;
  const subnets = await subnetsOf(network, contrail);
  return { fqName, subnets: subnets.map((subnet) => ({ cidr: subnetText(subnet) })) };
}

/** Those of the network's references, or, of a flat network, those of its ipams. */
async function subnetsOf(network: VirtualNetwork, contrail: ContrailClient): Promise<readonly Subnet[]> {
  // The link's attribute is a VnSubnetsType by the schema.
  const references = (network.network_ipam_refs ?? []) as readonly Reference<{
    readonly ipam_subnets?: readonly IpamSubnet[];
  }>[];
  const own = references.flatMap(({ attr }) => attr?.ipam_subnets ?? []).map(({ subnet }) => subnet);
  if (own.length > 0 || references.length === 0) return own;
  const ipams = await contrail.list('network-ipam', { fqNames: references.map(({ to }) => to), detail: true });
  return (ipams as readonly NetworkIpam[]).flatMap((ipam) =>
    (ipam.ipam_subnets?.subnets ?? []).map(({ subnet }) => subnet),
  );
}
