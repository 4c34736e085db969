/** Addresses from a pool that a pod or its namespace names: chosen here, since the config API chooses from a network as a whole. */
import { familyOf, type Family } from '../contrail/desired/pod.ts';
import type { ContrailObject, Subnet } from '../contrail/objects.ts';
import { addressAt, sizeOf } from '../kubernetes/ranges.ts';
import type { AddressRange } from '../kubernetes/virtual-network.ts';
import { TerminalError } from '../runtime/errors.ts';
import type { Deps } from './deps.ts';
import type { PodSubject } from './desired/pod.ts';
import { subnetHolding, subnetText } from './subnets.ts';

/** What helps whoever waits for an address of a pool. */
export const NONE_FREE = '; delete pods that hold addresses of it, or name a larger one and re-create the pod';

/** Of a pool with more addresses than this, so many are tried. */
const TRIES = 4096;

/**
 * An address of each family that the pool has, none of which the network has given away; empty where no pool is named, or the pod
 * has its addresses, or has some kept for it. Another run, or a network that shares the subnets, may have one all the same: the
 * config API refuses it, and the run chooses again, at random. Throws a `TerminalError` for a pool outside of the network.
 */
export async function chooseFromPool(
  { interfaces: [first], pool, isSticky, name }: PodSubject,
  world: {
    readonly families: readonly Family[];
    readonly subnets: readonly Subnet[];
    readonly found: readonly ContrailObject[];
  },
  deps: Deps,
): Promise<readonly string[]> {
  if (first === undefined || pool === undefined || first.isAllocated || first.addresses.length > 0) return [];
  if (
    isSticky &&
    world.found.some(({ type, fq_name: [own = ''] }) => type === 'instance-ip' && own.startsWith(`${name}__`))
  )
    return [];
  refuseForeignPool(pool, world.subnets, first.network.join(':'));
  const network = await deps.names.uuidOf('virtual-network', first.network);
  const fields = ['instance_ip_address'];
  const given = network === undefined ? [] : await deps.contrail.list('instance-ip', { backRefId: network, fields });
  const used = new Set([...given.map(({ instance_ip_address: address }) => address), ...(deps.taken ?? [])]);
  return world.families.flatMap((family) => {
    const ranges = pool.filter(({ start }) => familyOf(start) === family);
    if (ranges.length === 0) return [];
    const free = candidates(ranges).filter((address) => !used.has(address));
    const chosen = free[Math.floor(Math.random() * free.length)];
    if (chosen === undefined) throw new Error(`the pool ${poolText(ranges)} has no free address${NONE_FREE}`);
    return [chosen];
  });
}

function refuseForeignPool(pool: readonly AddressRange[], subnets: readonly Subnet[], network: string): void {
  const outside = pool.find(({ start, end }) => {
    const subnet = subnetHolding(start, subnets);
    return subnet === undefined || subnet !== subnetHolding(end, subnets);
  });
  if (outside === undefined) return;
  throw new TerminalError(
    'AddressOutOfRange',
    `the pool ${rangeText(outside)} is not in ${subnets.map(subnetText).join(', ')}, the subnets of network ${network}; ` +
      'name another one and re-create the pod',
  );
}

/** All addresses of small ranges, some of large ones. */
function candidates(ranges: readonly AddressRange[]): readonly string[] {
  return ranges.flatMap((range) => {
    const size = sizeOf(range);
    const count = Number(size < TRIES ? size : TRIES);
    const start = size < TRIES ? 0n : BigInt(Math.floor(Math.random() * Number(size - BigInt(TRIES))));
    return Array.from({ length: count }, (_, index) => addressAt(range, start + BigInt(index)));
  });
}

/** How users are told of a pool. */
export function poolText(pool: readonly AddressRange[]): string {
  return pool.map(rangeText).join(', ');
}

function rangeText({ start, end }: AddressRange): string {
  return start === end ? start : `${start}-${end}`;
}
