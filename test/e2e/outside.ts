/** The outside's network in the lab, in the family of its cluster. */
import type { LabHandle } from '../lab/handle.ts';

export type Family = 'IPv4' | 'IPv6';

/** The family of the underlay, and so of the addresses that the outside may reach. */
export function familyOf({ stack }: LabHandle): Family {
  return stack === 'ipv6' ? 'IPv6' : 'IPv4';
}

/** An address of the outside's network that no machine has; a number between 200 and 250. */
export function spare(lab: LabHandle, number: number): string {
  return familyOf(lab) === 'IPv6' ? `fd00:30::${number}` : `172.30.0.${number}`;
}

/** Spare addresses from one number to another. */
export interface Pool {
  readonly name: string;
  readonly first: number;
  readonly last: number;
}

/** A FloatingIPPool for Services of a class of its name, or for whom `users` says. */
export function poolOf(
  lab: LabHandle,
  { name, first, last }: Pool,
  users: object = { loadBalancerClass: `opencontrail.org/${name}` },
): object {
  const cidr = familyOf(lab) === 'IPv6' ? 'fd00:30::/64' : '172.30.0.0/24';
  const subnets = [{ cidr, allocationPools: [{ start: spare(lab, first), end: spare(lab, last) }] }];
  return {
    apiVersion: 'opencontrail.org/v1alpha1',
    kind: 'FloatingIPPool',
    metadata: { name },
    spec: { subnets, ...users },
  };
}

/** Whether an address is one of a pool's. */
export function isOfPool(lab: LabHandle, { first, last }: Pool, address: string): boolean {
  return address >= spare(lab, first) && address <= spare(lab, last);
}

/** An address as the host of a URL. */
export function inUrl(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

/** What a machine outside gets from a URL within some seconds; empty where nobody answers. */
export async function fetched(lab: LabHandle, url: string, seconds = 3): Promise<string> {
  return (await lab.exec('out', ['curl', '-g', '-s', '-m', `${seconds}`, url])).stdout.trim();
}

/** The host of what agnhost says of its client: `address:port`. */
export function hostOf(client: string): string {
  return client.replace(/^\[?(.*?)\]?:\d+$/, '$1');
}

/** Cuts a node off the network, as its death is to others; answers what joins it again. */
export async function cutOff(lab: LabHandle, node: string): Promise<() => Promise<void>> {
  const link = (state: string) => lab.exec(node, ['ip', 'link', 'set', 'eth0', state]);
  lab.onCleanup(() => link('up'));
  // The kernel would take addresses of IPv6 from an interface that goes down.
  await lab.exec(node, ['sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/eth0/keep_addr_on_down']);
  await link('down');
  return async () => {
    await link('up');
    await lab.exec(node, ['ip', 'route', 'replace', 'default', 'via', lab.address('cp'), 'dev', 'eth0']);
  };
}
