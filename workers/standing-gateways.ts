/** A subnet's gateway stays what it was when the subnet was made: the config API changes none (config-api facts 9). Pure. */
import type { ContrailObject, IpamSubnet, VirtualNetwork } from '../contrail/objects.ts';
import { addressText, addressValue } from '../runtime/addresses.ts';
import { TerminalError } from '../runtime/errors.ts';
import { subnetText } from './subnets.ts';

/**
 * The objects of a resource with subnets. Throws a `TerminalError` where the network that is found has another gateway than is asked for,
 * be it said, or the one that a new subnet would be given: the server keeps the old one then, and says nothing.
 */
export function withStandingGateways(
  desired: readonly ContrailObject[],
  found: readonly ContrailObject[],
): readonly ContrailObject[] {
  const standing = found.flatMap(subnetsIn);
  for (const [index, wanted] of desired.flatMap(subnetsIn).entries()) {
    const before = standing.find(({ subnet }) => subnetText(subnet) === subnetText(wanted.subnet))?.default_gateway;
    const gateway = wanted.default_gateway ?? gatewayOfNew(wanted);
    if (before === undefined || addressValue(before) === addressValue(gateway)) continue;
    const mend = addressValue(before) === 0n ? 'leave it out' : `set it to ${before}`;
    throw new TerminalError(
      'GatewayStands',
      `spec.subnets[${index}].gateway: that of ${subnetText(wanted.subnet)} has been ${before} since the subnet was made and cannot become ` +
        `${gateway}${wanted.default_gateway === undefined ? ', which is it where none is said' : ''}: ${mend}, or delete the object and create it again`,
    );
  }
  return desired;
}

function subnetsIn(object: ContrailObject): readonly IpamSubnet[] {
  if (object.type !== 'virtual-network') return [];
  // By its type.
  return ((object as VirtualNetwork).network_ipam_refs ?? []).flatMap(({ attr }) => attr?.ipam_subnets ?? []);
}

/** The last address but one, which for IPv4 is the last that a host may have. */
function gatewayOfNew({ subnet }: IpamSubnet): string {
  const { ip_prefix: prefix, ip_prefix_len: length } = subnet;
  const bits = prefix.includes(':') ? 128 : 32;
  const size = 1n << BigInt(bits - length);
  return addressText((addressValue(prefix) / size) * size + size - 2n, bits);
}
