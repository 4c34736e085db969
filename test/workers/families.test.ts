/** What is said of networks and addresses that have no family in common. */
import { expect, test } from '@jest/globals';
import type { VirtualNetwork } from '../../contrail/objects.ts';
import { apart, unrouted } from '../../workers/families.ts';

const POD_SUBNETS = { podSubnets: [{ ip_prefix: '10.32.0.0', ip_prefix_len: 12 }] };

function network(name: string, ...prefixes: readonly string[]): VirtualNetwork {
  const subnets = prefixes.map((prefix) => ({ subnet: { ip_prefix: prefix, ip_prefix_len: 64 } }));
  const refs = [{ to: ['d', 'p', 'ipam'], attr: { ipam_subnets: subnets } }];
  return { type: 'virtual-network', uuid: name, fq_name: ['d', 'p', name], network_ipam_refs: refs };
}

const [FOUR, SIX, BOTH] = [
  network('four', '10.1.0.0'),
  network('six', 'fd00::'),
  network('both', '10.2.0.0', 'fd01::'),
];
const FLAT: VirtualNetwork = { ...network('flat'), address_allocation_mode: 'flat-subnet-only' };
const EMPTY = network('empty');

test.each([
  ['of one family', [FOUR, FLAT]],
  ['one of which has both', [BOTH, SIX]],
  ['one of which has no subnets', [EMPTY, SIX]],
  ['none', []],
])('nothing is wrong with networks %s', (_which, networks) => {
  expect(apart(networks, POD_SUBNETS)).toBeUndefined();
});

test('networks that have no family in common are named, with their families and the mend', () => {
  expect(apart([SIX, BOTH, FOUR, FLAT], POD_SUBNETS)).toEqual({
    reason: 'NoFamilyInCommon',
    message:
      'nothing passes between d:p:four, d:p:flat (IPv4 alone) and d:p:six (IPv6 alone); ' +
      'give networks of either side a subnet of the other family, and re-create their pods',
  });
});

test.each([
  ['addresses of both families', [SIX, FOUR], ['v4', 'v6']],
  ['networks that have its family', [FOUR, BOTH, FLAT], ['v4']],
  ['no network', [], ['v6']],
] as const)('nothing is wrong with a router of %s', (_which, networks, families) => {
  const addresses = families.map((family) => ({ family }));
  expect(unrouted(networks, addresses, POD_SUBNETS)).toBeUndefined();
});

test.each([
  [[SIX], 'd:p:six (IPv6 alone) cannot go outside by addresses of IPv4 alone; ask for one of IPv6 by', 'LogicalRouter'],
  [[SIX, BOTH], 'd:p:six (IPv6 alone) cannot go outside', 'The other networks are routed'],
])('a router says which networks its addresses are of no use to', (networks, start, end) => {
  const { reason, message = '' } = unrouted(networks, [{ family: 'v4' }], POD_SUBNETS) ?? {};
  expect(reason).toBe('NoFamilyInCommon');
  expect([message.startsWith(start), message.endsWith(end)]).toEqual([true, true]);
});
