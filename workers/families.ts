/** Networks between which nothing can pass, since they have no address family in common, and those that an address is of no use to. Pure. */
import { type Family, familyOf } from '../contrail/desired/pod.ts';
import type { VirtualNetwork } from '../contrail/objects.ts';
import type { ClusterSettings } from './cluster-settings.ts';
import type { PartialProblem } from './tell.ts';
import { subnetsOf } from './subnets.ts';

type Flat = Pick<ClusterSettings, 'podSubnets'>;

/** What is wrong with networks that are to be joined, each with every other; those without subnets are left out. */
export function apart(networks: readonly VirtualNetwork[], settings: Flat): PartialProblem | undefined {
  const of = (family: Family): string =>
    networks
      .filter((network) => isOf(family, network, settings))
      .map(nameOf)
      .join(', ');
  const [four, six] = [of('v4'), of('v6')];
  if (four === '' || six === '') return undefined;
  const message =
    `nothing passes between ${four} (IPv4 alone) and ${six} (IPv6 alone); ` +
    'give networks of either side a subnet of the other family, and re-create their pods';
  return { reason: 'NoFamilyInCommon', message };
}

/** What is wrong with addresses under which networks are to go outside. */
export function unrouted(
  networks: readonly VirtualNetwork[],
  addresses: readonly { readonly family: Family }[],
  settings: Flat,
): PartialProblem | undefined {
  const [family, ...others] = new Set(addresses.map((each) => each.family));
  if (family === undefined || others.length > 0) return undefined;
  const lacking = family === 'v4' ? 'v6' : 'v4';
  const left = networks.filter((network) => isOf(lacking, network, settings));
  if (left.length === 0) return undefined;
  const message =
    `${left.map(nameOf).join(', ')} (${TEXTS[lacking]} alone) cannot go outside by addresses of ${TEXTS[family]} alone; ask for one of ` +
    `${TEXTS[lacking]} by spec.addresses or spec.families, of a pool that has such, or by another LogicalRouter` +
    (left.length === networks.length ? '' : '. The other networks are routed');
  return { reason: 'NoFamilyInCommon', message };
}

const TEXTS = { v4: 'IPv4', v6: 'IPv6' } as const;

/** Whether a network has addresses of a family, and of no other. */
function isOf(family: Family, network: VirtualNetwork, settings: Flat): boolean {
  const subnets = subnetsOf(network, settings);
  return subnets.length > 0 && subnets.every(({ ip_prefix: prefix }) => familyOf(prefix) === family);
}

function nameOf({ fq_name: fqName }: VirtualNetwork): string {
  return fqName.join(':');
}
