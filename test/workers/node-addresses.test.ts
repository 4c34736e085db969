/** What a pool gives away of a segment that nodes stand in. */
import { expect, test } from '@jest/globals';
import { givenAway } from '../../contrail/desired/virtual-network.ts';
import { TerminalError } from '../../runtime/errors.ts';
import { refuseOfNode, sharedWithNode, withoutNodes } from '../../workers/node-addresses.ts';

const node = (name: string, ...addresses: readonly string[]) => ({ name, addresses });

test('all but the nodes’ addresses, whatever it excludes itself', () => {
  const subnet = { cidr: '192.0.2.0/28', excluded: [{ start: '192.0.2.1', end: '192.0.2.3' }] };
  const nodes = [
    node('b', '192.0.2.10', '2001:db8::1'),
    node('a', '192.0.2.9'),
    node('c', '192.0.2.3', '198.51.100.1'),
  ];
  expect(withoutNodes([subnet], nodes).flatMap(givenAway)).toEqual([
    { start: '192.0.2.4', end: '192.0.2.8' },
    { start: '192.0.2.11', end: '192.0.2.14' },
  ]);
});

test('both families, and texts that are no addresses are nobody’s', () => {
  const subnets = [{ cidr: '2001:db8::/125' }, { cidr: '198.51.100.0/24' }];
  const nodes = [node('a', 'unknown', '2001:db8::4'), node('b', '2001:db8::5')];
  expect(withoutNodes(subnets, nodes)).toEqual([
    { cidr: '2001:db8::/125', excluded: [{ start: '2001:db8::4', end: '2001:db8::5' }] },
    { cidr: '198.51.100.0/24' },
  ]);
});

test('a subnet of which nothing else is left is refused', () => {
  const one = { cidr: '192.0.2.0/24', allocationPools: [{ start: '192.0.2.9', end: '192.0.2.9' }] };
  expect(() => withoutNodes([one], [node('a', '192.0.2.9')])).toThrow(/all that 192\.0\.2\.0\/24.*addresses of nodes/);
});

test('who asks for a node’s address is told whose it is', () => {
  const nodes = [node('a', '192.0.2.9')];
  expect(() => refuseOfNode('spec.address', '192.0.2.9', nodes)).toThrow(TerminalError);
  expect(() => refuseOfNode('spec.address', '192.0.2.8', nodes)).not.toThrow();
  expect(sharedWithNode(['192.0.2.8', '192.0.2.9'], nodes)?.message).toContain('192.0.2.9 is an address of node a');
  expect(sharedWithNode(['192.0.2.8'], nodes)).toBeUndefined();
});
