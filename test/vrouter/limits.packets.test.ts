/** Passages for some traffic only, by packets between two nodes: flat and overlapping networks, services, nodes, and a change of mind. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { PolicyRule } from '../../contrail/objects.ts';
import type { TestPod, TestWorld } from './config.ts';
import { isExplained } from './explained.ts';
import { createLab } from './lab/nodes.ts';
import type { Lab } from './lab/nodes.ts';

jest.setTimeout(60_000);

const FLAT = '10.32.0.0/12';
const pod = (network: string, address: string, node: string): TestPod => ({ network, address, node });
const only = (protocol: string, port: number): Partial<PolicyRule> => ({
  direction: '>',
  protocol,
  dst_ports: [{ start_port: port, end_port: port }],
});

const WORLD = {
  nodes: { n1: '192.0.2.1', n2: '192.0.2.2' },
  networks: {
    'ip-fabric': { id: 1, policies: ['nodes'] },
    c: { id: 5, subnet: FLAT, policies: ['friends', 'services', 'overlap'] },
    f: { id: 6, subnet: FLAT, policies: ['friends', 'nodes'] },
    s: { id: 7, subnet: '10.96.0.0/12', policies: ['services'] },
    o: { id: 103, overlapping: true, subnet: '10.9.0.0/24', policies: ['overlap', 'pings', 'twins'] },
    q: { id: 105, overlapping: true, subnet: '10.9.0.0/24', policies: ['twins'] },
    p: { id: 104, overlapping: true, subnet: '10.8.0.0/24', policies: ['pings'] },
  },
  policies: {
    friends: [
      ['c', 'f', only('tcp', 8080)],
      ['c', 'f', only('udp', 9000)],
    ],
    services: [['c', 's', only('tcp', 80)]],
    overlap: [
      ['c', 'o', only('tcp', 8080)],
      ['o', 'c', only('tcp', 8080)],
    ],
    nodes: [['ip-fabric', 'f', only('tcp', 8080)]],
    pings: [['o', 'p', { protocol: 'icmp' }]],
    twins: [['o', 'q']],
  },
  pods: {
    c1: pod('c', '10.32.0.1', 'n1'),
    f1: pod('f', '10.32.0.11', 'n1'),
    f2: pod('f', '10.32.0.12', 'n2'),
    o1: pod('o', '10.9.0.1', 'n1'),
    o2: pod('o', '10.9.0.2', 'n2'),
    q1: pod('q', '10.9.0.1', 'n1'),
    q2: pod('q', '10.9.0.2', 'n2'),
    p2: pod('p', '10.8.0.2', 'n2'),
  },
  services: {
    web: {
      vip: '10.96.0.10',
      network: 's',
      ports: [80, 81].map((port) => ({ protocol: 'TCP', port, backends: [['f2', 8081]] as const })),
    },
  },
} as const satisfies TestWorld;

let lab: Lab;

beforeAll(async () => {
  lab = await createLab('vl', WORLD.nodes);
  for (const name of Object.keys(WORLD.pods)) {
    await lab.addPod(name, WORLD);
    for (const port of [8080, 8081]) lab.serve(name, port);
    lab.listen(name, 9000);
  }
  await lab.apply(WORLD);
  for (const name of Object.keys(WORLD.pods)) {
    for (const port of [8080, 8081]) while ((await lab.reach(name, '127.0.0.1', port)) === undefined);
  }
});

afterAll(async () => lab.down());

describe('a port passes, and nothing else', () => {
  test.each([
    ['c1', '10.32.0.11', 'f1 10.32.0.1', 'on one node'],
    ['c1', '10.32.0.12', 'f2 10.32.0.1', 'across nodes'],
    ['c1', '10.9.0.1', 'o1 10.32.0.1', 'to an overlapping network'],
    ['c1', '10.9.0.2', 'o2 10.32.0.1', 'to an overlapping network, across nodes'],
    ['o2', '10.32.0.1', 'c1 192.0.2.2', 'from an overlapping network, across nodes'],
    ['n1', '10.32.0.12', 'f2 192.0.2.1', 'from a node to a pod elsewhere'],
  ])('%s → %s: %s', async (from, address, banner) => {
    await expect(lab.reach(from, address, 8080)).resolves.toBe(banner);
    await expect(lab.reach(from, address, 8081)).resolves.toBeUndefined();
    expect([8080, 8081].map((port) => isExplained(WORLD, from, [address, port]))).toEqual([true, false]);
  });

  test('the other way round nothing does, from whatever port', async () => {
    await expect(lab.reach('f1', '10.32.0.1', 8080)).resolves.toBeUndefined();
    const bound = 'timeout 2 socat -T1 - TCP4:10.32.0.1:8081,connect-timeout=0.7,bind=:8080,reuseaddr </dev/null';
    await expect(lab.sh('f2', bound)).resolves.toMatchObject({ stdout: '' });
  });

  test('a protocol without ports', async () => {
    await expect(lab.sh('o1', 'busybox ping -c 1 -W 1 10.8.0.2')).resolves.toMatchObject({ code: 0 });
    await expect(lab.reach('o1', '10.8.0.2')).resolves.toBeUndefined();
    await expect(lab.sh('c1', 'busybox ping -c 1 -W 1 10.32.0.12')).resolves.toMatchObject({ code: 1 });
  });
});

test.each(['o', 'q'])('where two networks that may talk have an address in common, %s means its own', async (name) => {
  await expect(lab.reach(`${name}1`, '10.9.0.2')).resolves.toBe(`${name}2 10.9.0.1`);
  await expect(lab.reach(`${name}2`, '10.9.0.1')).resolves.toBe(`${name}1 10.9.0.2`);
});

test('a service is reached at the ports that pass, and its back end through it alone', async () => {
  await expect(lab.reach('c1', '10.96.0.10', 80)).resolves.toBe('f2 10.32.0.1');
  await expect(lab.reach('c1', '10.96.0.10', 81)).resolves.toBeUndefined();
  await expect(lab.reach('c1', '10.32.0.12', 8081)).resolves.toBeUndefined();
  expect([80, 81].map((port) => isExplained(WORLD, 'c1', ['10.96.0.10', port]))).toEqual([true, false]);
});

test('a port that is taken away ends the flows there, and leaves the others', async () => {
  const ask = async (text: string): Promise<void> => lab.send('c1', 'UDP4-SENDTO:10.32.0.11:9000,bind=:7001', text);
  const answer = async (text: string): Promise<void> =>
    lab.send('f1', 'UDP4-SENDTO:10.32.0.1:7001,bind=:9000,reuseaddr', text);
  await ask('asked');
  await expect(lab.received('f1', 'asked')).resolves.toBe(true);
  await answer('answered');
  const [kept] = WORLD.policies.friends;
  await lab.apply({ ...WORLD, policies: { ...WORLD.policies, friends: [kept] } });
  await ask('asked again');
  await expect(lab.received('f1', 'asked again')).resolves.toBe(false);
  await expect(lab.reach('c1', '10.32.0.12', 8080)).resolves.toBe('f2 10.32.0.1');
  await lab.apply(WORLD);
  await ask('asked once more');
  await expect(lab.received('f1', 'asked once more')).resolves.toBe(true);
});
