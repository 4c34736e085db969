/** Subnets of networks that the underlay routes: all share one space of addresses, with the cluster's own. */
import { IP_FABRIC } from '../contrail/names.ts';
import { type FqName, fqNameText, type Subnet, type VirtualNetwork } from '../contrail/objects.ts';
import { TerminalError } from '../runtime/errors.ts';
import type { ClusterSettings } from './cluster-settings.ts';
import type { Deps } from './deps.ts';
import { overlap, subnetText } from './subnets.ts';

interface Routed {
  readonly fqName: FqName;
  readonly subnets: readonly Subnet[];
}

/** Throws a `TerminalError` where another network that the underlay routes, or the cluster itself, has addresses of this one. */
export async function refuseSharedAddresses(network: Routed, { contrail, settings }: Deps): Promise<void> {
  const fabric = await contrail.fqNameToUuid('virtual-network', IP_FABRIC);
  if (fabric === undefined) return;
  const routed = await contrail.list('virtual-network', { backRefId: fabric, detail: true });
  const problem = sharedAddresses(network, routed as readonly VirtualNetwork[], settings);
  if (problem !== undefined) throw new TerminalError('SubnetOverlaps', problem);
}

/** Who has addresses of a network that the underlay is to route, in a sentence; `undefined` where nobody has. Pure. */
export function sharedAddresses(
  { fqName, subnets }: Routed,
  routed: readonly VirtualNetwork[],
  { podSubnets, serviceSubnets }: Pick<ClusterSettings, 'podSubnets' | 'serviceSubnets'>,
): string | undefined {
  const others = [
    ...[...podSubnets, ...serviceSubnets].map((subnet) => ({ subnet, owner: 'the cluster’s own pods or services' })),
    ...routed
      .filter((other) => fqNameText(other.fq_name) !== fqNameText(fqName))
      .flatMap((other) => subnetsOf(other).map((subnet) => ({ subnet, owner: fqNameText(other.fq_name) }))),
  ];
  for (const own of subnets) {
    const other = others.find(({ subnet }) => overlap(own, subnet));
    if (other !== undefined)
      return `${subnetText(own)} overlaps with ${subnetText(other.subnet)} of ${other.owner}, and the underlay routes both; use another subnet, or leave forwarding away`;
  }
  return undefined;
}

/** A flat network's reference carries no prefixes: its addresses are the cluster's. */
function subnetsOf({ network_ipam_refs: references = [] }: VirtualNetwork): readonly Subnet[] {
  return references
    .flatMap(({ attr }) => attr?.ipam_subnets ?? [])
    .flatMap(({ subnet }) => (subnet?.ip_prefix ? [subnet] : []));
}
