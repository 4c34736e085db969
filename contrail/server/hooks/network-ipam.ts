/** Ipams: flat ones hold subnets that several networks share (facts 9). */
import { networkText, parseNetwork } from '../addresses/ip.ts';
import { flatSubnets, reserve } from '../addresses/pool.ts';
import {
  addressSubnet,
  completeSubnet,
  type IpamSubnetInput,
  refuseOverlaps,
  subnetKeys,
} from '../addresses/subnets.ts';
import { demand, HttpError } from '../errors.ts';
import { after, type TypeRules } from '../objects/draft.ts';
import type { StoredObject } from '../store/objects.ts';
import type { Transaction } from '../store/transaction.ts';
import { addressInUse } from './network-subnets.ts';

interface IpamSubnets {
  readonly subnets?: readonly IpamSubnetInput[];
}

export const networkIpamRules: TypeRules = {
  beforeCreate: (draft, tx) => {
    const isFlat = draft.properties['ipam_subnet_method'] === 'flat-subnet';
    checkMethod(draft.properties, isFlat);
    const given = draft.properties['ipam_subnets'] as IpamSubnets | undefined;
    if (isFlat && given?.subnets !== undefined) {
      draft.properties['ipam_subnets'] = { ...given, subnets: completeAll(tx, draft, given.subnets, []) };
    }
  },
  beforeUpdate: async (change, tx) => {
    const { object, properties } = change;
    const method = after(change, 'ipam_subnet_method');
    demand(
      (method ?? null) === (object.properties['ipam_subnet_method'] ?? null),
      400,
      'ipam_subnet_method can not be changed',
    );
    checkMethod(properties, method === 'flat-subnet');
    if (!('ipam_subnets' in properties)) return;
    const before = (object.properties['ipam_subnets'] as IpamSubnets | undefined)?.subnets ?? [];
    const given = properties['ipam_subnets'] as IpamSubnets | undefined;
    const wanted = completeAll(tx, object, given?.subnets ?? [], before);
    await refuseRemoval(tx, object, wanted);
    if (given !== undefined) properties['ipam_subnets'] = { ...given, subnets: wanted };
  },
  beforeDelete: (object, tx) => {
    for (const subnet of flatSubnets(object, '')) tx.drop(...subnetKeys(subnet));
    return { known: [] };
  },
};

function checkMethod(properties: Readonly<Record<string, unknown>>, isFlat: boolean): void {
  demand(isFlat || !properties['ipam_subnets'], 400, 'ipam-subnets are allowed only with flat-subnet');
  demand(isFlat || !properties['ipam_subnetting'], 400, 'ipam-subnetting is allowed only with flat-subnet');
}

type Named = Pick<StoredObject, 'uuid' | 'fqName'>;

function completeAll(
  tx: Transaction,
  ipam: Named,
  given: readonly IpamSubnetInput[],
  before: readonly IpamSubnetInput[],
): IpamSubnetInput[] {
  const subnets = given.map((input) => {
    const old = before.find((other) => prefixOf(other) === prefixOf(input));
    const known = {
      ...input,
      default_gateway: input.default_gateway || old?.default_gateway || null,
      dns_server_address: input.dns_server_address || old?.dns_server_address || null,
    };
    const complete = completeSubnet(known, { fqName: ipam.fqName });
    const texts = `orig:${old?.default_gateway}, new: ${complete.default_gateway}`;
    demand(
      old === undefined || old.default_gateway === complete.default_gateway,
      400,
      `default gateway change is not allowed ${texts}`,
    );
    return complete;
  });
  refuseOverlaps(subnets.flatMap((input) => parseNetwork(input.subnet?.ip_prefix, input.subnet?.ip_prefix_len) ?? []));
  for (const input of subnets) {
    const subnet = addressSubnet(ipam.uuid, input);
    if (subnet !== undefined) reserve(tx, subnet);
  }
  return subnets;
}

async function refuseRemoval(tx: Transaction, ipam: StoredObject, kept: readonly IpamSubnetInput[]): Promise<void> {
  const texts = new Set(kept.map(prefixOf));
  const networks = (await tx.store.referrers(ipam.uuid))
    .filter(({ type }) => type === 'virtual-network')
    .map(({ uuid }) => uuid);
  for (const subnet of flatSubnets(ipam, '')) {
    if (texts.has(networkText(subnet.network))) continue;
    const address = await addressInUse(tx, subnet, networks);
    if (address !== undefined) throw new HttpError(409, `Cannot Delete IP Block, IP(${address}) is in use`);
    tx.drop(...subnetKeys(subnet));
  }
}

function prefixOf(input: IpamSubnetInput): string {
  const network = parseNetwork(input.subnet?.ip_prefix, input.subnet?.ip_prefix_len);
  return network === undefined ? '' : networkText(network);
}
