/** What preflight makes of a node. */
import { describe, expect, test } from '@jest/globals';
import { overlaps, problemsOf } from '../../../cni/preflight/checks.ts';
import type { NodeFacts } from '../../../cni/preflight/facts.ts';
import { verdictOf } from '../../../cni/preflight/run.ts';

const good: NodeFacts = {
  kernelProblems: [],
  underlayMtu: 1500,
  tunnelBytes: 50,
  networks: [{ cidr: '192.168.1.11/24', from: 'the address of eth0' }],
  cniFiles: [],
  kubeProxySigns: [],
  takenPorts: [],
};
const plan = { podCidrs: ['10.32.0.0/12'], serviceCidrs: ['10.96.0.0/12'], podMtu: 0 };

describe('problemsOf', () => {
  test('finds nothing on a node that is fit, nor on one that has our own configuration already', () => {
    expect(problemsOf(good, plan)).toEqual([]);
    expect(problemsOf({ ...good, cniFiles: ['10-opencontrail.conflist', '99-loopback.conf'] }, plan)).toEqual([]);
  });

  test.each([
    { name: 'a kernel without VXLAN', facts: { kernelProblems: ['tunnels: no'] }, check: 'kernel', says: 'tunnels' },
    { name: 'an underlay of 1300', facts: { underlayMtu: 1300 }, check: 'mtu', says: '1330' },
    {
      name: 'an underlay of 1349, and of IPv6',
      facts: { underlayMtu: 1349, tunnelBytes: 70 },
      check: 'mtu',
      says: '1350',
    },
    { name: 'a node without its address', facts: { underlayMtu: undefined }, check: 'mtu', says: 'InternalIP' },
    {
      name: 'an address within the pods’ subnet',
      facts: { networks: [{ cidr: '10.40.0.1/24', from: 'the address of eth1' }] },
      check: 'cidrs',
      says: 'eth1',
    },
    {
      name: 'a route that covers the Services',
      facts: { networks: [{ cidr: '10.64.0.0/10', from: 'the route' }] },
      check: 'cidrs',
      says: 'serviceCidrs',
    },
    {
      name: 'a CNI that comes first',
      facts: { cniFiles: ['05-cilium.conflist'] },
      check: 'otherCni',
      says: '05-cilium.conflist',
    },
    {
      name: 'a CNI that comes later',
      facts: { cniFiles: ['20-flannel.conflist'] },
      check: 'otherCni',
      says: '20-flannel.conflist',
    },
    {
      name: 'a port that another program holds',
      facts: { takenPorts: [{ port: 9090, protocol: 'tcp', purpose: 'workers', value: 'workers.port' }] },
      check: 'hostPorts',
      says: 'set workers.port',
    },
    { name: 'kube-proxy', facts: { kubeProxySigns: ['it answers'] }, check: 'kubeProxy', says: 'it answers' },
  ])('names $name', ({ facts, check, says }) => {
    const problems = problemsOf({ ...good, ...facts } as NodeFacts, plan);
    expect(problems).toMatchObject([{ check, text: expect.stringContaining(says) }]);
  });

  test('names a pod MTU that does not fit and CIDRs of ours that meet', () => {
    expect(problemsOf(good, { ...plan, podMtu: 1500 })).toMatchObject([{ check: 'mtu' }]);
    expect(problemsOf(good, { ...plan, serviceCidrs: ['10.40.0.0/16'] })).toMatchObject([{ check: 'cidrs' }]);
    const podCidrs = [...plan.podCidrs, '10.60.0.0/16', '10.33.0.0/16'];
    expect(problemsOf(good, { ...plan, podCidrs })).toMatchObject([
      { text: 'cluster.podCidrs 10.32.0.0/12 overlaps cluster.podCidrs 10.33.0.0/16; choose another' },
    ]);
  });
});

test.each([
  ['10.32.0.0/12', '10.47.255.255', true],
  ['10.32.0.0/12', '10.48.0.0', false],
  ['10.40.0.0/16', '10.32.0.0/12', true],
  ['fd00::/64', 'fd00:0:0:1::1', false],
  ['fd00::/48', 'fd00:0:0:7::1', true],
  ['10.0.0.0/8', 'fd00::1', false],
])('%s and %s have an address in common: %s', (one, other, want) => {
  expect(overlaps(one, other)).toBe(want);
  expect(overlaps(other, one)).toBe(want);
});

test('an ignored check is shown and does not count; a node that did not answer counts', () => {
  const verdict = verdictOf(
    [
      { kind: 'done', node: 'n1', message: '' },
      { kind: 'failed', node: 'n2', message: JSON.stringify([{ check: 'otherCni', text: 'x' }]) },
      { kind: 'unreachable', node: 'n3', message: 'ImagePullBackOff' },
    ],
    ['otherCni'],
  );
  expect(verdict.failed).toBe(1);
  expect(verdict.lines).toEqual([
    'ignored n2 otherCni: x',
    expect.stringMatching(/^FAILED n3 unreachableNode: .*ImagePullBackOff/),
  ]);
});
