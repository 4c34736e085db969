/** Services of pods whose addresses occur in other networks too, and services of others for them, by packets. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { TestPod, TestWorld } from './config.ts';
import { createLab, type Lab } from './lab/nodes.ts';

jest.setTimeout(120_000);

const pod = (network: string, address: string, node: string): TestPod => ({ network, address, node });
const NODES = { n1: '192.0.2.1', n2: '192.0.2.2' };
const OVERLAP = '10.9.0.0/24';
const port = (backends: readonly string[], more: object = {}) => [
  { protocol: 'TCP', port: 80, backends: backends.map((name) => [name, 8080] as const), ...more },
];

/** c is flat; a and b have the same addresses, and x too, which has no access to services. */
const WORLD: TestWorld = {
  nodes: NODES,
  networks: {
    'ip-fabric': { id: 1, policies: ['fabric'] },
    c: { id: 5, subnet: '10.32.0.0/12', policies: ['fabric', 'services'] },
    s: { id: 7, subnet: '10.96.0.0/12', policies: ['fabric', 'services'] },
    a: { id: 100, overlapping: true, subnet: OVERLAP, policies: ['services'] },
    b: { id: 101, overlapping: true, subnet: OVERLAP, policies: ['services'] },
    x: { id: 102, overlapping: true, subnet: OVERLAP },
  },
  policies: { fabric: [['self', 'ip-fabric']], services: [['self', 's']] },
  pods: {
    c1: pod('c', '10.32.0.1', 'n1'),
    c2: pod('c', '10.32.0.2', 'n2'),
    a1: pod('a', '10.9.0.1', 'n1'),
    a2: pod('a', '10.9.0.2', 'n2'),
    b1: pod('b', '10.9.0.1', 'n1'),
    b2: pod('b', '10.9.0.2', 'n2'),
    x1: pod('x', '10.9.0.1', 'n1'),
  },
  services: {
    far: { vip: '10.96.0.20', network: 's', ports: port(['a2'], { nodePort: 30_080 }) },
    near: { vip: '10.96.0.21', network: 's', ports: port(['a1'], { nodePort: 30_081 }) },
    twin: { vip: '10.96.0.22', network: 's', ports: port(['b2']) },
    sticky: { vip: '10.96.0.23', network: 's', ports: port(['a2'], { affinitySeconds: 600 }) },
    flat: { vip: '10.96.0.24', network: 's', ports: port(['c2']) },
    mixed: { vip: '10.96.0.25', network: 's', ports: port(['a1', 'b2']) },
  },
};

let lab: Lab;

beforeAll(async () => {
  lab = await createLab('vo', NODES);
  await lab.addOutside('out', '192.0.2.9');
  for (const name of Object.keys(WORLD.pods ?? {})) {
    await lab.addPod(name, WORLD);
    lab.serve(name, 8080);
  }
  // Nodes have one, and their own packets to such a back end are routed by it before they are routed by its network.
  for (const node of Object.keys(NODES)) await lab.sh(node, 'ip route add default dev eth0');
  await lab.apply(WORLD);
  for (const name of Object.keys(WORLD.pods ?? {})) while ((await lab.reach(name, '127.0.0.1')) === undefined);
});

afterAll(async () => lab.down());

describe('a service of an overlapping network answers', () => {
  test.each([
    ['c1', '10.96.0.20', 80, 'a2 10.32.0.1', 'a pod of a flat network, under its own address'],
    ['c1', '10.96.0.21', 80, 'a1 10.32.0.1', 'on one node'],
    ['c1', '10.96.0.22', 80, 'b2 10.32.0.1', 'another network’s with the same address'],
    ['c2', '10.96.0.22', 80, 'b2 10.32.0.2', 'the same, on one node'],
    ['c1', '10.96.0.23', 80, 'a2 10.32.0.1', 'a client that keeps its back end'],
    ['a1', '10.96.0.20', 80, 'a2 192.0.2.1', 'a pod of the same network, under its node’s'],
    ['a1', '10.96.0.21', 80, 'a1 192.0.2.1', 'the back end itself'],
    ['b1', '10.96.0.20', 80, 'a2 192.0.2.1', 'a pod of another overlapping network'],
    ['b2', '10.96.0.20', 80, 'a2 192.0.2.2', 'one that has the back end’s address, on its node'],
    ['n1', '10.96.0.20', 80, 'a2 192.0.2.1', 'a node'],
    ['n1', '10.96.0.21', 80, 'a1 192.0.2.1', 'the back end’s own node'],
    ['out', '192.0.2.1', 30_080, 'a2 192.0.2.1', 'the outside, through another node'],
    ['out', '192.0.2.2', 30_080, 'a2 192.0.2.9', 'the outside, on the back end’s node'],
    ['out', '192.0.2.1', 30_081, 'a1 192.0.2.9', 'the outside, at another port'],
  ])('%s at %s:%i as %s: %s', async (from, to, at, banner) => {
    await expect(lab.reach(from, to, at)).resolves.toBe(banner);
  });

  test('also where its back ends are in several networks', async () => {
    const seen = new Set<string | undefined>();
    for (let tries = 0; tries < 40 && seen.size < 2; tries += 1) seen.add(await lab.reach('c1', '10.96.0.25', 80));
    expect(seen).toEqual(new Set(['a1 10.32.0.1', 'b2 10.32.0.1']));
  });
});

test('a service of a flat network answers pods of overlapping ones', async () => {
  await expect(lab.reach('a1', '10.96.0.24', 80)).resolves.toBe('c2 192.0.2.1');
  await expect(lab.reach('b2', '10.96.0.24', 80)).resolves.toBe('c2 192.0.2.2');
});

describe('nothing else is opened by it', () => {
  test.each([
    ['x1', '10.96.0.20', 80, 'a network without access to services'],
    ['c1', '10.9.0.2', 8080, 'the back end by its own address'],
    ['b1', '10.9.0.2', 9999, 'a port of nobody'],
    ['n1', '10.9.0.2', 8080, 'a back end by its own address, from a node'],
  ])('%s does not reach %s:%i: %s', async (from, to, at) => {
    await expect(lab.reach(from, to, at)).resolves.toBeUndefined();
  });

  test('the twins of its back ends hear nothing', async () => {
    lab.listen('b2', 9000);
    await lab.apply({
      ...WORLD,
      services: {
        ...WORLD.services,
        far: {
          vip: '10.96.0.20',
          network: 's',
          ports: [{ protocol: 'UDP', port: 53, backends: [['a2', 9000]] }],
        },
      },
    });
    await lab.send('c1', 'UDP4-SENDTO:10.96.0.20:53', 'for a2 alone');
    await expect(lab.received('b2', 'for a2 alone')).resolves.toBe(false);
    await lab.apply(WORLD);
  });
});
