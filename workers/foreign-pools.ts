/** Pools of an operator's own: a `floating-ip-pool` in a network of the outside's that no FloatingIPPool has made (facts 5.4). */
import type { FqName, VirtualNetwork } from '../contrail/objects.ts';
import type { Deps } from './deps.ts';
import type { ForeignPool } from './desired/external.ts';
import { subnetText } from './subnets.ts';

/** The pool with its network's subnets; `undefined` where there is none, or none of a network that is marked external. */
export async function readForeignPool(
  fqName: FqName,
  { contrail, networks }: Pick<Deps, 'contrail' | 'networks'>,
): Promise<ForeignPool | undefined> {
  const home = fqName.slice(0, -1);
  const [pools, found] = await Promise.all([
    contrail.list('floating-ip-pool', { fqNames: [fqName] }),
    contrail.list('virtual-network', { fqNames: [home], fields: ['router_external'] }),
  ]);
  const network = found[0] as VirtualNetwork | undefined; // Listed by type.
  if (pools.length === 0 || network?.router_external !== true) return undefined;
  const subnets = (await networks.subnetsOf(home)) ?? [];
  return { fqName, subnets: subnets.map((subnet) => ({ cidr: subnetText(subnet) })) };
}
