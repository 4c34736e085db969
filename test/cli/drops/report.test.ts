/** Refused connections as a user reads them. */
import { expect, test } from '@jest/globals';
import type { Drop } from '../../../cli/drops/model.ts';
import { dropText, news } from '../../../cli/drops/report.ts';

const DROP: Drop = {
  reason: 'ingress',
  node: 'n1',
  from: 'pod shop/front',
  to: 'pod shop/web',
  protocol: 'tcp',
  port: 8080,
  packets: 3,
  secondsAgo: 4,
  by: ['NetworkPolicy shop/web'],
  isByRule: false,
};

test('a line says when, where, who, what and why', () => {
  expect(dropText(DROP)).toBe(
    '  4s ago  n1  ingress  pod shop/front → pod shop/web TCP 8080 (3 packets): NetworkPolicy shop/web restricts ingress, and no rule allows this\n',
  );
  expect(dropText({ ...DROP, by: ['ClusterNetworkPolicy tenants others'], isByRule: true })).toContain(
    '(3 packets): denied by ClusterNetworkPolicy tenants others\n',
  );
  const { port: _, ...icmp } = { ...DROP, protocol: 'icmp', packets: 1, reason: 'network' as const, by: [] };
  expect(dropText(icmp)).toBe(
    '  4s ago  n1  network  pod shop/front → pod shop/web ICMP: no network policy joins their networks for it\n',
  );
  expect(dropText({ ...DROP, reason: 'chain', by: [] })).toContain(
    'n1  chain    pod shop/front → pod shop/web TCP 8080 (3 packets): a service of the ServiceChain between',
  );
});

test('what has had no further packet is not told again', () => {
  const other = { ...DROP, port: 9090 };
  expect(news([DROP], [DROP])).toEqual([]);
  expect(news([DROP], [{ ...DROP, packets: 4 }, other])).toEqual([{ ...DROP, packets: 4 }, other]);
  // Forgotten in the kernel meanwhile, and refused again.
  expect(news([], [DROP])).toEqual([DROP]);
});
