/** Addresses of nodes: pools hold them with their segment, and give them to nobody, who would take them over there. Pure. */
import { isIP, isIPv6 } from 'node:net';
import { givenAway } from '../contrail/desired/virtual-network.ts';
import type { SlimNode } from '../kubernetes/objects.ts';
import type { AddressRange, VirtualNetworkSubnet } from '../kubernetes/virtual-network.ts';
import { addressText, addressValue } from '../runtime/addresses.ts';
import { cidrList } from '../runtime/cidr.ts';
import { TerminalError } from '../runtime/errors.ts';
import type { PartialProblem } from './tell.ts';

type Nodes = readonly Pick<SlimNode, 'name' | 'addresses'>[];

/** Subnets that give no address of a node's away. Throws a `TerminalError` for one of which nothing else is left. */
export function withoutNodes(subnets: readonly VirtualNetworkSubnet[], nodes: Nodes): readonly VirtualNetworkSubnet[] {
  const all = nodes.flatMap(({ addresses }) => addresses).filter((address) => isIP(address) !== 0);
  return subnets.map((subnet) => {
    const ranges = rangesOf(all.filter(cidrList([subnet.cidr])));
    if (ranges.length === 0) return subnet;
    const left = { ...subnet, excluded: [...(subnet.excluded ?? []), ...ranges] };
    if (givesAway(left)) return left;
    const message = `spec.subnets: all that ${subnet.cidr} would give away are addresses of nodes; name others by allocationPools, or another subnet`;
    throw new TerminalError('AddressesTaken', message);
  });
}

/** Throws a `TerminalError` for an address that a field asks for, and a node has. */
export function refuseOfNode(field: string, address: string, nodes: Nodes): void {
  const node = nodeWith(address, nodes);
  if (node === undefined) return;
  throw new TerminalError(
    'AddressRefused',
    `${field}: ${address} is an address of node ${node}, which would lose it: choose another one, or none`,
  );
}

/** What is wrong where a node has come by an address that somebody had been given before. */
export function sharedWithNode(given: readonly string[], nodes: Nodes): PartialProblem | undefined {
  for (const address of given) {
    const node = nodeWith(address, nodes);
    if (node === undefined) continue;
    const message = `${address} is an address of node ${node}, too: give the node another one, or ask for another one here`;
    return { reason: 'AddressOfNode', message };
  }
  return undefined;
}

function nodeWith(address: string, nodes: Nodes): string | undefined {
  return nodes.find(({ addresses }) => addresses.includes(address))?.name;
}

/** Addresses of one family, as few ranges. */
function rangesOf(addresses: readonly string[]): readonly AddressRange[] {
  const bits = addresses.some((address) => isIPv6(address)) ? 128 : 32;
  const values = [...new Set(addresses.map(addressValue))].sort((a, b) => (a < b ? -1 : 1));
  const starts = values.filter((value, at) => values[at - 1] !== value - 1n);
  const ends = values.filter((value, at) => values[at + 1] !== value + 1n);
  return starts.map((start, at) => ({ start: addressText(start, bits), end: addressText(ends[at] ?? start, bits) }));
}

function givesAway(subnet: VirtualNetworkSubnet): boolean {
  try {
    return givenAway(subnet).length > 0;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
