/** From which subnets a network's addresses come, in which order, and what taking or freeing one means (facts 9). */
import { repr } from '../python.ts';
import { HttpError } from '../errors.ts';
import type { StoredObject, StoredRef } from '../store/objects.ts';
import type { AllocationStep } from '../store/plan.ts';
import type { Transaction } from '../store/transaction.ts';
import { type Address, parseAddress } from './ip.ts';
import {
  type AddressSubnet,
  addressSubnet,
  candidate,
  holds,
  type IpamSubnetInput,
  reservedAddresses,
  unitOf,
  unitStep,
} from './subnets.ts';

/** What a client may say about the address it wants. */
export interface AddressRequest {
  readonly address?: string | undefined;
  readonly subnetUuid?: string | readonly string[] | undefined;
  readonly family?: 'v4' | 'v6' | undefined;
}

/** Where the result goes. */
export type AllocationTarget = Pick<AllocationStep, 'object' | 'addressField' | 'subnetField'>;

/** Networks whose addresses are the operator's affair (facts 9, instance-ip). */
const UNMANAGED = new Set([
  'default-domain:default-project:ip-fabric',
  'default-domain:default-project:__link_local__',
]);

export function isUnmanaged(network: StoredObject): boolean {
  return UNMANAGED.has(network.fqName.join(':'));
}

/** A network's subnets, its own and those of its flat ipams, in the order in which it prefers them. */
export async function subnetsOf(
  tx: Transaction,
  network: StoredObject,
  request: AddressRequest = {},
): Promise<AddressSubnet[]> {
  const flat: AddressSubnet[] = [];
  const own: AddressSubnet[] = [];
  tx.expectUnchanged(network);
  for (const ref of network.refs['network_ipam_refs'] ?? []) {
    const ipam = await tx.read(ref.uuid);
    if (ipam?.properties['ipam_subnet_method'] === 'flat-subnet') {
      tx.expectUnchanged(ipam);
      flat.push(...flatSubnets(ipam, subnetInputs(ref)[0]?.subnet_uuid ?? ''));
    } else {
      own.push(...subnetInputs(ref).flatMap((input) => addressSubnet(network.uuid, input) ?? []));
    }
  }
  return inPreference(
    flat,
    own,
    request.address !== undefined || request.subnetUuid !== undefined ? 'any' : modeOf(network),
  );
}

/** The subnets of a flat ipam; on a network they all carry the one UUID of its link. */
export function flatSubnets(ipam: StoredObject, linkUuid: string): AddressSubnet[] {
  const value = ipam.properties['ipam_subnets'] as { subnets?: IpamSubnetInput[] } | undefined;
  return (value?.subnets ?? []).flatMap((input) => addressSubnet(ipam.uuid, input, linkUuid) ?? []);
}

/** The subnets that a network's link to an ipam lists. */
export function subnetInputs(ref: StoredRef): readonly IpamSubnetInput[] {
  return (ref.attr as { ipam_subnets?: IpamSubnetInput[] } | null)?.ipam_subnets ?? [];
}

/** Adds an allocation from these subnets to the transaction; throws at once what needs no counting. */
export function allocateFrom(
  tx: Transaction,
  subnets: readonly AddressSubnet[],
  want: { readonly request: AddressRequest; readonly target: AllocationTarget; readonly name: string },
): void {
  const { request, target, name } = want;
  const exhausted = new HttpError(400, `${name} has exhausted subnet([])`);
  const fitting = fittingSubnets(subnets, request, name);
  const failure = { taken: new HttpError(409, 'IP address already in use'), exhausted };
  if (request.address === undefined) {
    tx.allocate({ candidates: fitting.map(candidate), ...target }, failure);
    return;
  }
  const address = parseAddress(request.address);
  if (address === undefined) throw new HttpError(400, `Invalid IP address: ${request.address}`);
  const subnet = fitting.find((each) => holds(each, address));
  if (subnet === undefined) throw exhausted;
  if (address.value === subnet.gateway) return;
  if (isBroadcast(subnet, address)) throw failure.taken;
  tx.allocate({ candidates: [candidate(subnet)], unit: unitOf(subnet, address.value), ...target }, failure);
}

/** Frees an address that `allocateFrom` took; reserved ones stay. */
export function releaseFrom(tx: Transaction, subnets: readonly AddressSubnet[], text: unknown): void {
  const address = parseAddress(text);
  const subnet = address === undefined ? undefined : subnets.find((each) => holds(each, address));
  if (address === undefined || subnet === undefined) return;
  const unit = unitOf(subnet, address.value);
  const reserved = reservedAddresses(subnet).some((value) => unitOf(subnet, value) === unit);
  if (!reserved) tx.release(unitStep(subnet, address.value));
}

/** Marks what is never given away. */
export function reserve(tx: Transaction, subnet: AddressSubnet): void {
  for (const address of reservedAddresses(subnet)) tx.reserve(unitStep(subnet, address));
}

/** How error texts name a network. */
export function networkName(network: StoredObject): string {
  return `Virtual-Network(${repr(network.fqName)})`;
}

function modeOf(network: StoredObject): string {
  const mode = network.properties['address_allocation_mode'];
  return typeof mode === 'string' ? mode : 'user-defined-subnet-preferred';
}

/** Somebody who names an address or a subnet may mean any; flat ones are looked at first. */
function inPreference(flat: AddressSubnet[], own: AddressSubnet[], mode: string): AddressSubnet[] {
  switch (mode) {
    case 'flat-subnet-only':
      return flat;
    case 'user-defined-subnet-only':
      return own;
    case 'any':
    case 'flat-subnet-preferred':
      return [...flat, ...own];
    default:
      return [...own, ...flat];
  }
}

function fittingSubnets(
  subnets: readonly AddressSubnet[],
  request: AddressRequest,
  name: string,
): readonly AddressSubnet[] {
  const family = request.family === undefined ? undefined : request.family === 'v6' ? 6 : 4;
  const wanted = typeof request.subnetUuid === 'string' ? [request.subnetUuid] : request.subnetUuid;
  const unknown = wanted?.find((uuid) => !subnets.some((subnet) => subnet.uuid === uuid));
  if (unknown !== undefined) throw new HttpError(400, `${name} has invalid subnet(${unknown})`);
  return subnets.filter(
    (subnet) =>
      (family === undefined || subnet.network.family === family) &&
      (wanted === undefined || wanted.includes(subnet.uuid)),
  );
}

function isBroadcast(subnet: AddressSubnet, address: Address): boolean {
  const { base, size, family } = subnet.network;
  return family === 4 && size > 2n && address.value === base + size - 1n;
}
