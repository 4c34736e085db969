/** Subnets of networks and ipams: their defaults and checks, and how an address becomes a unit of a bitmap (facts 9). Pure. */
import { partUuid } from '../../names.ts';
import { demand, HttpError } from '../errors.ts';
import type { Candidate, ReleaseStep, UnitRange } from '../store/plan.ts';
import {
  type Address,
  contains,
  formatAddress,
  type Network,
  networkText,
  overlaps,
  parseAddress,
  parseNetwork,
  wordsOf,
} from './ip.ts';

/** `IpamSubnetType` as it is written; unknown further fields are kept. */
export interface IpamSubnetInput {
  subnet?: { ip_prefix?: string; ip_prefix_len?: number } | null;
  subnet_uuid?: string | null;
  default_gateway?: string | null;
  dns_server_address?: string | null;
  addr_from_start?: boolean | null;
  alloc_unit?: number | null;
  allocation_pools?: readonly { start: string; end: string; vrouter_specific_pool?: boolean }[] | null;
  [field: string]: unknown;
}

/** A subnet ready for allocation. */
export interface AddressSubnet {
  /** `<owner>:<prefix>`: names its bitmap; a flat ipam's subnets are shared by its networks. */
  readonly key: string;
  readonly uuid: string;
  readonly network: Network;
  readonly gateway: bigint | undefined;
  readonly dns: bigint | undefined;
  readonly fromStart: boolean;
  readonly unit: bigint;
  readonly pools: readonly { readonly start: bigint; readonly end: bigint }[];
}

/** Above this many units a bitmap would take more than 2 MiB; sets are used instead. */
const MAX_BITMAP_UNITS = 1n << 24n;

/** Reads a subnet whose defaults are filled in; `undefined` for a link entry that names no prefix. */
export function addressSubnet(owner: string, input: IpamSubnetInput, uuid?: string): AddressSubnet | undefined {
  const network = parseNetwork(input.subnet?.ip_prefix, input.subnet?.ip_prefix_len);
  if (network === undefined) return undefined;
  return {
    key: `${owner}:${networkText(network)}`,
    uuid: uuid ?? input.subnet_uuid ?? '',
    network,
    gateway: parseAddress(input.default_gateway)?.value,
    dns: parseAddress(input.dns_server_address)?.value,
    fromStart: input.addr_from_start === true,
    unit: BigInt(input.alloc_unit ?? 1),
    pools: poolsOf(input, network),
  };
}

/** What an allocation needs to know of a subnet. */
export function candidate(subnet: AddressSubnet): Candidate {
  const { network, unit, fromStart } = subnet;
  const first = fromStart ? network.base : network.base + network.size - unit;
  const belowFirst = fromStart ? network.base + network.size : network.base - unit;
  const encoded = (value: bigint) => (network.family === 4 ? Number(value) : wordsOf(value));
  return {
    key: subnet.key,
    sparse: isSparse(subnet),
    ranges: rangesOf(subnet),
    family: network.family,
    base: encoded(first),
    ...(isSparse(subnet) ? { below: encoded(belowFirst) } : {}),
    step: fromStart ? Number(unit) : -Number(unit),
    subnetUuid: subnet.uuid,
  };
}

/** The unit of an address, as the store counts: in the order in which units are given away. */
export function unitOf(subnet: AddressSubnet, address: bigint): string {
  return String(storedUnit(subnet, placeOf(subnet, address)));
}

/** How many units are given away before an address's own, where all are free. */
function placeOf({ network, unit, fromStart }: AddressSubnet, address: bigint): bigint {
  return fromStart ? (address - network.base) / unit : (network.base + network.size - 1n - address) / unit;
}

/**
 * The store counts in floating point, which is exact to 2^53: the later half of a large subnet is counted from its end, in negative
 * numbers, so that pools at either end are exact.
 */
function storedUnit(subnet: AddressSubnet, place: bigint): bigint {
  const units = subnet.network.size / subnet.unit;
  return isSparse(subnet) && place >= units / 2n ? place - units : place;
}

/** The step that marks or frees the unit of an address. */
export function unitStep(subnet: AddressSubnet, address: bigint): ReleaseStep {
  return { key: subnet.key, sparse: isSparse(subnet), unit: unitOf(subnet, address) };
}

/** Addresses never given away: network, gateway, DNS server, and the broadcast address where a pool holds it. */
export function reservedAddresses(subnet: AddressSubnet): readonly bigint[] {
  const { network, gateway, dns } = subnet;
  const last = network.base + network.size - 1n;
  const inPool = subnet.pools.some(({ start, end }) => start <= last && last <= end);
  const special = [gateway, dns].filter(
    (value) => value !== undefined && contains(network, { family: network.family, value }),
  );
  const edges = network.size > 2n ? [network.base, ...(inPool ? [last] : [])] : [];
  return [...new Set([...edges, ...special])].filter((value) => value !== undefined);
}

/** The store's keys of a subnet. */
export function subnetKeys(subnet: AddressSubnet): string[] {
  const key = `ip:${subnet.key}`;
  if (!isSparse(subnet)) return [key];
  return [`${key}:used`, `${key}:free`, ...rangesOf(subnet).map(({ from }) => `${key}:next:${BigInt(from)}`)];
}

export function isSparse(subnet: AddressSubnet): boolean {
  return subnet.network.size / subnet.unit > MAX_BITMAP_UNITS;
}

/** Whether an address lies in the subnet. */
export function holds(subnet: AddressSubnet, address: Address): boolean {
  return contains(subnet.network, address);
}

/**
 * Fills in what a client may leave out, as the real server does: the gateway is the last usable address but one (the
 * first with `addr_from_start`), the DNS server its neighbour, and a UUID derived from `uuidFrom`'s where that is given. Throws the server's errors.
 */
export function completeSubnet(
  input: IpamSubnetInput,
  names: { readonly fqName: readonly string[]; readonly uuidFrom?: string },
): IpamSubnetInput {
  const network = parseNetwork(input.subnet?.ip_prefix, input.subnet?.ip_prefix_len);
  if (network === undefined) throw new HttpError(400, 'Subnet without a valid prefix');
  const last = network.base + network.size - 1n;
  const fromStart = input.addr_from_start === true;
  const at = (offset: bigint) => formatAddress(network.family, fromStart ? network.base + offset : last - offset);
  const gateway = given(input.default_gateway) ?? at(1n);
  const dns = given(input.dns_server_address) ?? at(2n);
  checkUnit(input, network, names.fqName);
  checkPools(input, network, names.fqName);
  checkServers(network, gateway, dns);
  return {
    ...input,
    ...(names.uuidFrom === undefined
      ? {}
      : { subnet_uuid: input.subnet_uuid || partUuid(names.uuidFrom, networkText(network)) }),
    default_gateway: gateway,
    dns_server_address: dns,
  };
}

/** Throws 400 where two of these networks overlap. */
export function refuseOverlaps(networks: readonly Network[]): void {
  for (const [index, network] of networks.entries()) {
    const other = networks.slice(index + 1).find((candidate) => overlaps(network, candidate));
    if (other === undefined) continue;
    const names = [network, other].map((each) => `IPNetwork('${networkText(each)}')`).join(', ');
    throw new HttpError(400, `Overlapping addresses: [${names}]`);
  }
}

/** The pools given, or all but the last address. */
function poolsOf(input: IpamSubnetInput, network: Network): AddressSubnet['pools'] {
  const pools = (input.allocation_pools ?? []).flatMap((pool) => {
    const start = parseAddress(pool.start)?.value;
    const end = parseAddress(pool.end)?.value;
    return start === undefined || end === undefined ? [] : [{ start, end }];
  });
  const last = network.base + network.size - 1n;
  return pools.length > 0 ? pools : [{ start: network.base, end: network.size > 2n ? last - 1n : last }];
}

function rangesOf(subnet: AddressSubnet): readonly UnitRange[] {
  const { unit, network } = subnet;
  const half = network.size / unit / 2n;
  const places = subnet.pools.flatMap(({ start, end }) => {
    // Only blocks that lie wholly inside the pool.
    const low = network.base + ((start - network.base + unit - 1n) / unit) * unit;
    const high = network.base + ((end + 1n - network.base) / unit) * unit - unit;
    if (high < low) return [];
    const [from = 0n, to = 0n] = [placeOf(subnet, low), placeOf(subnet, high)].sort(ascending);
    const isSplit = isSparse(subnet) && from < half && half <= to;
    return isSplit
      ? [
          { from, to: half - 1n },
          { from: half, to },
        ]
      : [{ from, to }];
  });
  return places
    .sort((a, b) => ascending(a.from, b.from))
    .map(({ from, to }) => ({ from: Number(storedUnit(subnet, from)), to: Number(storedUnit(subnet, to)) }));
}

function ascending(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** `"None"`, null and absent all mean the default (facts 9). */
function given(text: string | null | undefined): string | undefined {
  return text === undefined || text === null || text === '' || text === 'None' ? undefined : text;
}

function checkUnit(input: IpamSubnetInput, network: Network, fqName: readonly string[]): void {
  const unit = input.alloc_unit ?? 1;
  const name = fqName.join(':');
  const text = networkText(network);
  const invalid = `Virtual-Network(${name}:${text}) has invalid alloc_unit(${unit}) in subnet(${text}) reason: `;
  demand(unit > 0 && (unit & (unit - 1)) === 0, 500, `${invalid}Not power of 2`);
}

function checkPools(input: IpamSubnetInput, network: Network, fqName: readonly string[]): void {
  const text = networkText(network);
  const pools = (input.allocation_pools ?? []).map((pool) => {
    const start = parseAddress(pool.start);
    const end = parseAddress(pool.end);
    const inside = start !== undefined && end !== undefined && contains(network, start) && contains(network, end);
    if (!inside) throw new HttpError(409, `allocation pool start:${pool.start}, end:${pool.end} out of cidr:${text}`);
    demand(
      start.value <= end.value,
      500,
      `Virtual-Network(${fqName.join(':')}) has invalid subnet(${text}:end before start)`,
    );
    return { start: start.value, end: end.value };
  });
  const sorted = pools.sort((a, b) => (a.start < b.start ? -1 : 1));
  const overlapping = sorted.some((pool, index) => index > 0 && pool.start <= (sorted[index - 1]?.end ?? -1n));
  demand(!overlapping, 500, `Virtual-Network(${fqName.join(':')}) has invalid subnet(${text}:overlapping alloc-pools)`);
}

function checkServers(network: Network, gateway: string, dns: string): void {
  const text = networkText(network);
  const address = parseAddress(gateway);
  const none = gateway === '0.0.0.0' || gateway === '::';
  const last = network.base + network.size - 1n;
  const usable =
    address !== undefined &&
    contains(network, address) &&
    (network.size <= 2n || (address.value > network.base && address.value < last));
  demand(none || usable, 409, `gateway Ip ${gateway} out of cidr: ${text}`);
  demand(parseAddress(dns) !== undefined, 409, `Invalid Dns Server Ip address: ${dns}`);
}
