/** Nodes that have IPv6 addresses alone: the tunnel between them, and everything in it, by packets. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { TestPod, TestWorld } from './config.ts';
import { createLab, type Lab } from './lab/nodes.ts';

jest.setTimeout(60_000);

const pod = (network: string, address: string, node: string): TestPod => ({ network, address, node });
const NODES = { n1: 'fd00:30::1', n2: 'fd00:30::2' };
const OVERLAP = 'fd00:9::/64';

/** c and d are flat, a and b have the same addresses, v is a user's network of IPv4. */
const WORLD = {
  nodes: NODES,
  nodes6: NODES,
  networks: {
    'ip-fabric': { id: 1, policies: ['fabric'] },
    c: { id: 5, subnet: 'fd00:32::/64', policies: ['fabric', 'services'] },
    d: { id: 6, subnet: 'fd00:32::/64', policies: ['fabric'] },
    s: { id: 7, subnet: 'fd00:96::/112', policies: ['fabric', 'services'] },
    a: { id: 100, overlapping: true, subnet: OVERLAP, policies: ['services'] },
    b: { id: 101, overlapping: true, subnet: OVERLAP },
    v: { id: 102, overlapping: true, subnet: '10.9.0.0/24' },
  },
  policies: { fabric: [['self', 'ip-fabric']], services: [['self', 's']] },
  pods: {
    c1: pod('c', 'fd00:32::1', 'n1'),
    c2: pod('c', 'fd00:32::2', 'n2'),
    d2: pod('d', 'fd00:32::12', 'n2'),
    a1: { ...pod('a', 'fd00:9::1', 'n1'), probe: 'fd6f:6370:6e69:f::8000:1' },
    a2: pod('a', 'fd00:9::2', 'n2'),
    b1: { ...pod('b', 'fd00:9::1', 'n1'), probe: 'fd6f:6370:6e69:f::8000:2' },
    b2: pod('b', 'fd00:9::2', 'n2'),
    v1: pod('v', '10.9.0.1', 'n1'),
    v2: pod('v', '10.9.0.2', 'n2'),
  },
  services: {
    web: {
      vip: 'fd00:96::10',
      network: 's',
      ports: [{ protocol: 'TCP', port: 80, nodePort: 30080, backends: [['c2', 8080]] }],
    },
    twin: { vip: 'fd00:96::11', network: 's', ports: [{ protocol: 'TCP', port: 80, backends: [['b2', 8080]] }] },
  },
} as const satisfies TestWorld;

let lab: Lab;

beforeAll(async () => {
  lab = await createLab('v6', NODES);
  await lab.addOutside('out', 'fd00:30::9');
  for (const name of Object.keys(WORLD.pods)) {
    await lab.addPod(name, WORLD);
    lab.serve(name, 8080);
  }
  for (const machine of ['n1', 'n2']) lab.serve(machine, 6443);
  for (const node of Object.keys(NODES)) await lab.sh(node, 'ip -6 route add default dev eth0');
  await lab.apply(WORLD);
  for (const name of Object.keys(WORLD.pods)) while ((await lab.reach(name, '127.0.0.1')) === undefined);
});

afterAll(async () => lab.down());

describe('what may talk, talks', () => {
  test.each([
    ['c1', 'fd00:32::2', 8080, 'c2', 'pods across nodes'],
    ['a1', 'fd00:9::2', 8080, 'a2', 'an overlapping network'],
    ['b2', 'fd00:9::1', 8080, 'b1', 'another with the same addresses'],
    ['v1', '10.9.0.2', 8080, 'v2', 'a network of IPv4 through a tunnel of IPv6'],
    ['n1', 'fd00:32::1', 8080, 'c1', 'a node to its own pod'],
    ['n1', 'fd00:32::12', 8080, 'd2', 'a node to a pod elsewhere'],
    ['n1', 'fd6f:6370:6e69:f::8000:1', 8080, 'a1', 'a node to its own pod, by the address for probes'],
    ['n1', 'fd6f:6370:6e69:f::8000:2', 8080, 'b1', 'a node to the other with the same address'],
    ['c1', 'fd00:30::2', 6443, 'n2', 'a pod to another node'],
    ['c1', 'fd00:30::1', 6443, 'n1', 'a pod to its own node'],
    ['c1', 'fd00:96::10', 80, 'c2', 'a service'],
    ['n1', 'fd00:96::10', 80, 'c2', 'a service, from a node'],
    ['a1', 'fd00:96::10', 80, 'c2 fd00:30::1', 'a service, from an overlapping network, by the name of its node'],
    ['c1', 'fd00:96::11', 80, 'b2', 'a service of an overlapping network'],
    ['a1', 'fd00:96::11', 80, 'b2 fd00:30::1', 'the same, from another one with the same addresses'],
    ['n1', 'fd00:96::11', 80, 'b2', 'the same, from a node'],
    ['out', 'fd00:30::1', 30080, 'c2', 'a port of a node'],
  ])('%s reaches %s:%i: %s, %s', async (from, to, port, banner) => {
    expect(await lab.reach(from, to, port)).toMatch(new RegExp(`^${banner}\\b`));
  });
});

describe('no pair, no passage', () => {
  test.each([
    ['c1', 'fd00:32::12', 'a flat network without a policy'],
    ['a1', 'fd00:32::1', 'overlapping to flat'],
    ['out', 'fd00:32::1', 'from outside'],
    ['n2', 'fd6f:6370:6e69:f::8000:1', 'another node by the address for probes'],
    ['c1', 'fd6f:6370:6e69:f::8000:1', 'a pod by the address for probes'],
  ])('%s does not reach %s: %s', async (from, to) => {
    await expect(lab.reach(from, to)).resolves.toBeUndefined();
  });
});

test.each(['UDP6-SENDTO:[fd00:30::2]:4789', 'UDP6-SENDTO:[fd00:30::1]:4789'])(
  'a pod that sends to %s is dropped as an injection',
  async (target) => {
    const injected = async (): Promise<number> => {
      const counts = await Promise.all(
        ['n1', 'n2'].map(async (node) => (await lab.sh(node, 'nft list counter inet opencontrail injected')).stdout),
      );
      return counts.reduce((sum, text) => sum + Number(/packets (\d+)/.exec(text)?.[1]), 0);
    };
    const before = await injected();
    await lab.send('c1', target, 'x');
    expect(await injected()).toBeGreaterThan(before);
  },
);

test('a full segment passes without fragments', async () => {
  const { stdout } = await lab.sh('c1', 'ping -6 -c1 -W2 -M do -s 1382 fd00:32::2');
  expect(stdout).toContain('1 received');
});
