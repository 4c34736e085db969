/** Virtual networks as routing instances. Pure. */
import { IP_FABRIC } from '../../contrail/names.ts';
import { fqNameText } from '../../contrail/objects.ts';
import type { IpamSubnet, Reference, VirtualNetwork } from '../../contrail/objects.ts';
import { rangeOf } from '../linux/address-value.ts';
import { familyOf } from '../linux/family.ts';
import type { Network } from '../model/networks.ts';
import { isExternal } from './externals.ts';
import type { ConfigIndex } from './index-config.ts';
import { referencesOf } from './index-config.ts';

/** The highest id that leaves the mark's sixteenth bit to say "overlapping". */
const HIGHEST_ID = 0x7fff;

/** The ip-fabric network's colon-form name. */
export const FABRIC_NAME = fqNameText(IP_FABRIC);

/**
 * Every network that has an id, in the order of ids; one with an id out of range is left out, so nothing reaches it. Those outside at an
 * interface of nodes are none of these (`externals.ts`).
 */
export function compileNetworks(config: ConfigIndex): readonly Network[] {
  const networks = config
    .all('virtual-network')
    .flatMap((network) => {
      const id = network.virtual_network_network_id;
      if (id === undefined || id < 1 || id > HIGHEST_ID || isExternal(network)) return [];
      const name = fqNameText(network.fq_name);
      return [
        {
          id,
          uuid: network.uuid,
          name,
          overlapping: isOverlapping(network, name),
          subnets: subnetsOf(config, network),
        },
      ];
    })
    .sort((a, b) => a.id - b.id);
  return forwardedOf(networks, (network) => isForwarded(config, network));
}

/** Linked with the nodes' network, which makes that its provider (facts 1.1b). */
function isForwarded(config: ConfigIndex, { uuid, name }: Network): boolean {
  const network = config.get('virtual-network', uuid);
  if (network === undefined || name === FABRIC_NAME) return false;
  return config.targets(network, 'virtual-network').some((provider) => fqNameText(provider.fq_name) === FABRIC_NAME);
}

/**
 * Networks with what the underlay routes marked as such. One with subnets of its own is left out where they meet those of a flat
 * network, or of another one before it: nobody could tell whose an address is.
 */
function forwardedOf(networks: readonly Network[], isAsked: (network: Network) => boolean): readonly Network[] {
  const taken = networks.filter(({ overlapping }) => !overlapping).flatMap(({ subnets }) => subnets);
  const marked = networks.map((network) => {
    if (!isAsked(network)) return network;
    if (!network.overlapping) return { ...network, forwarded: true as const };
    if (network.subnets.some((own) => taken.some((other) => meet(own, other)))) return network;
    taken.push(...network.subnets);
    return { ...network, overlapping: false, forwarded: true as const };
  });
  if (!marked.some((network) => network.forwarded)) return networks;
  return marked.map((network) => (network.name === FABRIC_NAME ? { ...network, forwarded: true as const } : network));
}

function meet(a: string, b: string): boolean {
  if (familyOf(a) !== familyOf(b)) return false;
  const [[first, last], [otherFirst, otherLast]] = [rangeOf(a), rangeOf(b)];
  return first <= otherLast && otherFirst <= last;
}

/** Networks without an allocation mode are `user-defined-subnet-preferred`, as on a Contrail controller. */
function isOverlapping(network: VirtualNetwork, name: string): boolean {
  if (name === FABRIC_NAME) return false;
  return !(network.address_allocation_mode ?? 'user-defined-subnet-preferred').startsWith('flat-subnet');
}

function subnetsOf(config: ConfigIndex, network: VirtualNetwork): readonly string[] {
  // The link's attribute is a VnSubnetsType by the schema.
  const references = referencesOf(network, 'network-ipam') as readonly Reference<{
    ipam_subnets?: readonly IpamSubnet[];
  }>[];
  const own = references.flatMap((reference) => reference.attr?.ipam_subnets ?? []);
  const flat = config
    .targets(network, 'network-ipam')
    .filter((ipam) => ipam.ipam_subnet_method === 'flat-subnet')
    .flatMap((ipam) => ipam.ipam_subnets?.subnets ?? []);
  const cidrs = [...own, ...flat].flatMap(({ subnet }) =>
    // A flat network's reference carries an entry without a prefix, which only names the subnet's UUID.
    subnet?.ip_prefix ? [`${subnet.ip_prefix}/${subnet.ip_prefix_len}`] : [],
  );
  return [...new Set(cidrs)].sort();
}
