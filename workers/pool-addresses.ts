/** Whose the addresses of FloatingIPPools are: of one pool each, and none of the cluster's own. Pure. */
import { givenAway } from '../contrail/desired/virtual-network.ts';
import type { SlimFloatingIpPool } from '../kubernetes/floating-ip-pool.ts';
import { addressValue } from '../runtime/addresses.ts';
import type { ClusterSettings } from './cluster-settings.ts';
import { byAge } from './namespaces.ts';
import { subnetText } from './subnets.ts';

interface Addresses {
  readonly start: string;
  readonly end: string;
}

/**
 * Who else has addresses that a pool would give away, in a sentence; `undefined` where nobody has. Of two pools the older keeps them.
 * Throws a `RangeError` for a subnet that gives nothing away.
 */
export function takenAddresses(
  pool: SlimFloatingIpPool,
  pools: readonly SlimFloatingIpPool[],
  { podSubnets, serviceSubnets }: Pick<ClusterSettings, 'podSubnets' | 'serviceSubnets'>,
): string | undefined {
  const owners = [
    ...[...podSubnets, ...serviceSubnets].map((subnet) => ({
      addresses: givenAway({ cidr: subnetText(subnet) }),
      owner: `the cluster’s own pods or services (${subnetText(subnet)})`,
    })),
    ...pools
      .filter((other) => byAge(other, pool) < 0)
      .map((other) => ({ addresses: addressesOf(other), owner: `FloatingIPPool ${other.name}, which is older` })),
  ];
  for (const own of pool.subnets.flatMap(givenAway)) {
    const taken = owners.find(({ addresses }) => addresses.some((each) => isCommon(own, each)));
    if (taken !== undefined)
      return `spec.subnets: addresses of ${own.start} to ${own.end} are those of ${taken.owner}; use others, or name them by allocationPools`;
  }
  return undefined;
}

/** Whether a pool gives an address to whoever asks for none. */
export function gives(pool: SlimFloatingIpPool, address: string): boolean {
  return addressesOf(pool).some((range) => isCommon(range, { start: address, end: address }));
}

/** None of a pool that has a run of its own to be refused in. */
function addressesOf({ subnets }: SlimFloatingIpPool): readonly Addresses[] {
  try {
    return subnets.flatMap(givenAway);
  } catch (error) {
    if (error instanceof RangeError) return [];
    throw error;
  }
}

function isCommon(a: Addresses, b: Addresses): boolean {
  if (a.start.includes(':') !== b.start.includes(':')) return false;
  return addressValue(a.start) <= addressValue(b.end) && addressValue(b.start) <= addressValue(a.end);
}
