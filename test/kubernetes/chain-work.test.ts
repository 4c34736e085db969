/** By which of its interfaces a pod works for a chain's service. */
import { expect, test } from '@jest/globals';
import { ANNOTATION } from '../../kubernetes/annotations.ts';
import { workOf } from '../../kubernetes/chain-work.ts';
import { context } from './mode-cases.ts';
import { chainBetween } from './service-chains.ts';

const { names } = context('cluster');
const [INSIDE, OUTSIDE] = ['inside', 'outside'].map((name) => `default-domain:k8s-a:${name}`) as [string, string];
const SERVICE = { chain: 'inspect', service: 'firewall' };

/** What a pod is to the chain that has interfaces `[name, network]`. */
function work(interfaces: readonly (readonly [name: string, network: string])[], right: object = { name: 'outside' }) {
  const ports = interfaces.map(([name, network]) => ({
    name,
    vmi: `vmi-${name}`,
    network,
    networkId: network,
    mac: '02:00:00:00:00:0a',
    ips: ['10.91.1.9/24'],
  }));
  const annotations = { [ANNOTATION.ports]: JSON.stringify({ version: 1, uid: 'p', interfaces: ports }) };
  return workOf(
    { namespace: 'a', uid: 'p', annotations, labels: { app: 'firewall' } },
    [chainBetween({ name: 'inside' }, right)],
    names,
  );
}

test.each<[string, Parameters<typeof work>[0], object]>([
  [
    'the two in its networks',
    [
      ['eth0', INSIDE],
      ['net1', OUTSIDE],
    ],
    { left: 'eth0', right: 'net1' },
  ],
  [
    'left, where eth0 is there too',
    [
      ['eth0', INSIDE],
      ['left', INSIDE],
      ['right', OUTSIDE],
    ],
    { left: 'left', right: 'right' },
  ],
  [
    'right, where eth0 is there too',
    [
      ['eth0', OUTSIDE],
      ['left', INSIDE],
      ['right', OUTSIDE],
    ],
    { left: 'left', right: 'right' },
  ],
  [
    'others, where these names are of the other side',
    [
      ['right', INSIDE],
      ['left', OUTSIDE],
    ],
    { left: 'right', right: 'left' },
  ],
])('a pod works by %s', (_title, interfaces, sides) => {
  expect(work(interfaces)).toEqual([{ ...SERVICE, kind: 'works', ...sides }]);
});

test('and is idle without one in each', () => {
  const problem = `has no interface in network ${OUTSIDE}`;
  expect(
    work([
      ['eth0', INSIDE],
      ['left', INSIDE],
    ]),
  ).toEqual([{ ...SERVICE, kind: 'idle', problem }]);
});

test('and in a chain of one network, by whatever names', () => {
  const interfaces = [['left', INSIDE] as const, ['right', INSIDE] as const];
  const problem = `has network ${INSIDE} on both sides`;
  expect(work(interfaces, { kind: 'Network', name: INSIDE })).toEqual([{ ...SERVICE, kind: 'idle', problem }]);
});
