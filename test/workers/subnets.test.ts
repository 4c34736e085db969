/** Subnets of Services: the settings', and what Kubernetes has been given since. */
import { expect, test } from '@jest/globals';
import { joined, subnetText } from '../../workers/subnets.ts';

const services = [{ ip_prefix: '10.96.0.0', ip_prefix_len: 12 }];

test.each([
  ['the same once more', ['10.96.0.0/12'], ['10.96.0.0/12']],
  ['others of both families', ['203.0.113.0/24', '2001:db8::/64'], ['10.96.0.0/12', '203.0.113.0/24', '2001:db8::/64']],
  ['a part of one that is there', ['10.100.0.0/16'], ['10.96.0.0/12']],
  ['two that overlap', ['203.0.113.0/25', '203.0.113.0/24'], ['10.96.0.0/12', '203.0.113.0/25']],
])('%s', (_, cidrs, want) => {
  expect(joined(services, cidrs).map(subnetText)).toEqual(want);
});
