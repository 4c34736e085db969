/** What pods need to know of a network that is not of the cluster's flat address space: its subnets, from the config database. */
import type { ContrailClient } from '../contrail/client.ts';
import type { FqName, IpamSubnet, NetworkIpam, Reference, Subnet, VirtualNetwork } from '../contrail/objects.ts';

export interface NetworkFacts {
  /** The network's subnets, or `undefined` where there is no such network now. */
  readonly subnetsOf: (fqName: FqName) => Promise<readonly Subnet[] | undefined>;
  readonly forget: () => void;
}

/** A subnet that came or went is seen after this long. */
const KEPT_MS = 10_000;

/** Facts from `contrail`, kept for a moment, since pods of one network come in crowds. */
export function createNetworkFacts(
  contrail: ContrailClient,
  now: () => number = () => performance.now(),
): NetworkFacts {
  const known = new Map<string, { readonly at: number; readonly subnets: readonly Subnet[] }>();
  return {
    subnetsOf: async (fqName) => {
      const key = fqName.join(':');
      const kept = known.get(key);
      if (kept !== undefined && now() - kept.at < KEPT_MS) return kept.subnets;
      const subnets = await readSubnets(contrail, fqName);
      if (subnets === undefined) known.delete(key);
      else known.set(key, { at: now(), subnets });
      return subnets;
    },
    forget: () => known.clear(),
  };
}

async function readSubnets(contrail: ContrailClient, fqName: FqName): Promise<readonly Subnet[] | undefined> {
  const network = await contrail.readByName('virtual-network', fqName);
  if (network === undefined) return undefined;
  const { network_ipam_refs: references = [] } = network as VirtualNetwork; // Read by its type.
  const lists = await Promise.all(references.map(async (reference) => await subnetsBehind(contrail, reference)));
  // An IPAM that is gone between two calls: the database is another one by now.
  if (lists.includes(undefined)) return undefined;
  return lists.flatMap((list) => list ?? []).flatMap(({ subnet }) => (subnet?.ip_prefix ? [subnet] : []));
}

/** The subnets of a link, or those of the flat IPAM it leads to; `undefined` where that is not there. */
async function subnetsBehind(
  contrail: ContrailClient,
  { uuid, attr }: Reference<{ readonly ipam_subnets?: readonly IpamSubnet[] }>,
): Promise<readonly IpamSubnet[] | undefined> {
  const own = (attr?.ipam_subnets ?? []).filter(({ subnet }) => subnet?.ip_prefix);
  if (own.length > 0 || uuid === undefined) return own;
  const ipam = (await contrail.read('network-ipam', uuid)) as NetworkIpam | undefined; // Read by its type.
  if (ipam === undefined) return undefined;
  return ipam.ipam_subnet_method === 'flat-subnet' ? (ipam.ipam_subnets?.subnets ?? []) : [];
}
