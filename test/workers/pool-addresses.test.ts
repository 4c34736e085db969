/** Whose the addresses of FloatingIPPools are. */
import { expect, test } from '@jest/globals';
import type { SlimFloatingIpPool } from '../../kubernetes/floating-ip-pool.ts';
import { takenAddresses } from '../../workers/pool-addresses.ts';

const cluster = { podSubnets: [{ ip_prefix: '10.32.0.0', ip_prefix_len: 12 }], serviceSubnets: [] };
const [ONE, TWO] = ['2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'];
const cidr = '192.0.2.0/24';

const pool = (name: string, created: string, subnets: SlimFloatingIpPool['subnets']): SlimFloatingIpPool => ({
  name,
  uid: name,
  created,
  generation: 1,
  status: undefined,
  subnets,
});
const range = (start: string, end: string) => ({ cidr, allocationPools: [{ start, end }] });

test('of two pools with an address in common the older one keeps it', () => {
  const [older, younger] = [pool('b', ONE, [{ cidr }]), pool('a', TWO, [range('192.0.2.10', '192.0.2.20')])];
  expect(takenAddresses(younger, [older, younger], cluster)).toBe(
    'spec.subnets: addresses of 192.0.2.10 to 192.0.2.20 are those of FloatingIPPool b, which is older; use others, or name them by allocationPools',
  );
  expect(takenAddresses(older, [older, younger], cluster)).toBeUndefined();
});

test('of two that are as old, the first by name does', () => {
  const [a, b] = [pool('a', ONE, [{ cidr }]), pool('b', ONE, [{ cidr }])];
  expect(takenAddresses(a, [a, b], cluster)).toBeUndefined();
  expect(takenAddresses(b, [a, b], cluster)).toContain('FloatingIPPool a');
});

test('two pools may share a subnet whose addresses they do not share', () => {
  const older = pool('older', ONE, [range('192.0.2.10', '192.0.2.20')]);
  const beside = pool('beside', TWO, [range('192.0.2.21', '192.0.2.30')]);
  const around = pool('around', TWO, [{ cidr, excluded: [{ start: '192.0.2.0', end: '192.0.2.20' }] }]);
  expect(takenAddresses(beside, [older, beside], cluster)).toBeUndefined();
  expect(takenAddresses(around, [older, around], cluster)).toBeUndefined();
});

test('families do not meet, and a pool that gives nothing away is in nobody’s way', () => {
  const odd = pool('odd', ONE, [range('192.0.2.20', '192.0.2.10'), { cidr: '::c000:200/120' }]);
  const plain = pool('plain', TWO, [{ cidr }]);
  expect(takenAddresses(plain, [odd, plain], cluster)).toBeUndefined();
  expect(() => takenAddresses(odd, [odd, plain], cluster)).toThrow('ends before it starts');
});

test('nobody has those of the cluster’s own pods', () => {
  const inside = pool('inside', ONE, [{ cidr: '10.47.0.0/24' }]);
  expect(takenAddresses(inside, [inside], cluster)).toContain('the cluster’s own pods or services (10.32.0.0/12)');
});
