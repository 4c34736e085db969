/** A network's links to ipams: subnets completed, checked against each other, and kept while addresses are in use. */
import { partUuid } from '../../names.ts';
import type { FqName } from '../../objects.ts';
import { type Network, networkText, parseAddress, parseNetwork } from '../addresses/ip.ts';
import { flatSubnets, reserve, subnetInputs } from '../addresses/pool.ts';
import {
  type AddressSubnet,
  addressSubnet,
  completeSubnet,
  holds,
  type IpamSubnetInput,
  isSparse,
  refuseOverlaps,
  reservedAddresses,
  subnetKeys,
} from '../addresses/subnets.ts';
import { demand, HttpError } from '../errors.ts';
import type { StoredObject, StoredRef } from '../store/objects.ts';
import type { Transaction } from '../store/transaction.ts';

interface NetworkView {
  readonly uuid: string;
  readonly fqName: FqName;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** The links as they are to be stored. Throws the server's errors; reserves what is never given away. */
export async function completeLinks(
  tx: Transaction,
  network: NetworkView,
  lists: { readonly wanted: readonly StoredRef[]; readonly before: readonly StoredRef[] },
): Promise<StoredRef[]> {
  const old = lists.before.flatMap(subnetInputs);
  const all: Network[] = [];
  const links: StoredRef[] = [];
  for (const ref of lists.wanted) {
    const ipam = await tx.read(ref.uuid);
    if (ipam?.properties['ipam_subnet_method'] === 'flat-subnet') {
      links.push(flatLink(network, ref, lists.before));
      all.push(...flatSubnets(ipam, '').map((subnet) => subnet.network));
    } else {
      const subnets = subnetInputs(ref).map((input) => completed(network, input, old));
      links.push(ref.attr === null ? ref : { ...ref, attr: { ...(ref.attr as object), ipam_subnets: subnets } });
      all.push(...subnets.flatMap(networkOf));
    }
  }
  refuseOverlaps(all);
  const kept = links.flatMap(subnetInputs);
  await refuseRemovalInUse(tx, network, old, kept);
  for (const input of kept) {
    const subnet = addressSubnet(network.uuid, input);
    if (subnet !== undefined) reserve(tx, subnet);
  }
  return links;
}

/** Forgets the bitmaps of a network that is deleted. */
export async function dropSubnets(tx: Transaction, network: StoredObject): Promise<void> {
  for (const input of (network.refs['network_ipam_refs'] ?? []).flatMap(subnetInputs)) {
    const subnet = addressSubnet(network.uuid, input);
    if (subnet !== undefined) tx.drop(...subnetKeys(subnet));
  }
}

/** Whether addresses besides the reserved ones are taken; one of them, where an instance-ip tells it. */
export async function addressInUse(
  tx: Transaction,
  subnet: AddressSubnet,
  networkUuids: readonly string[],
): Promise<string | undefined> {
  const used = await tx.store.unitsInUse(subnet.key, isSparse(subnet));
  if (used <= reservedAddresses(subnet).length) return undefined;
  const referrers = (await tx.store.referrersOf(networkUuids)).flat().filter(({ type }) => type === 'instance-ip');
  const addresses = await tx.store.readAll(referrers.map(({ uuid }) => uuid));
  const texts = addresses.map((object) => String(object.properties['instance_ip_address']));
  const inside = texts.find((text) => {
    const address = parseAddress(text);
    return address !== undefined && holds(subnet, address);
  });
  return inside ?? networkText(subnet.network);
}

/** A flat ipam's subnets are its own: the link holds one UUID that stands for all of them. */
function flatLink(network: NetworkView, ref: StoredRef, before: readonly StoredRef[]): StoredRef {
  const mode = (network.properties['virtual_network_properties'] as { forwarding_mode?: string } | undefined)
    ?.forwarding_mode;
  demand(mode === 'l3', 400, 'flat-subnet is allowed only with l3 network');
  const given = subnetInputs(ref)[0]?.subnet_uuid;
  const old = before.filter(({ uuid }) => uuid === ref.uuid).flatMap(subnetInputs)[0]?.subnet_uuid;
  return {
    ...ref,
    attr: { ipam_subnets: [{ subnet_uuid: given || old || partUuid(network.uuid, 'subnet', ref.uuid) }] },
  };
}

function completed(network: NetworkView, input: IpamSubnetInput, old: readonly IpamSubnetInput[]): IpamSubnetInput {
  const before = old.find((other) => prefixText(other) === prefixText(input));
  if (before === undefined) return completeSubnet(input, { fqName: network.fqName, uuidFrom: network.uuid });
  const known = {
    ...input,
    default_gateway: input.default_gateway || before.default_gateway || null,
    dns_server_address: input.dns_server_address || before.dns_server_address || null,
  };
  const result = completeSubnet(known, { fqName: network.fqName, uuidFrom: network.uuid });
  const texts = `orig:${before.default_gateway}, new: ${result.default_gateway}`;
  demand(result.default_gateway === before.default_gateway, 400, `default gateway change is not allowed ${texts}`);
  return result;
}

async function refuseRemovalInUse(
  tx: Transaction,
  network: NetworkView,
  old: readonly IpamSubnetInput[],
  kept: readonly IpamSubnetInput[],
): Promise<void> {
  const texts = new Set(kept.map(prefixText));
  for (const input of old.filter((each) => !texts.has(prefixText(each)))) {
    const subnet = addressSubnet(network.uuid, input);
    if (subnet === undefined) continue;
    const address = await addressInUse(tx, subnet, [network.uuid]);
    if (address !== undefined) throw new HttpError(409, `Cannot Delete IP Block, IP(${address}) is in use`);
    tx.drop(...subnetKeys(subnet));
  }
}

function networkOf(input: IpamSubnetInput): Network[] {
  const network = parseNetwork(input.subnet?.ip_prefix, input.subnet?.ip_prefix_len);
  return network === undefined ? [] : [network];
}

function prefixText(input: IpamSubnetInput): string {
  return networkOf(input).map(networkText)[0] ?? '';
}
