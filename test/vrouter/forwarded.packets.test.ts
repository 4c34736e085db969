/** Networks that the underlay routes, by packets: what is on the wire between two nodes, who is believed, and the outside. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestPod, TestWorld } from './config.ts';
import { isExplained } from './explained.ts';
import { createLab, type Lab } from './lab/nodes.ts';

jest.setTimeout(60_000);

const OUT = '192.0.2.9';
const FLAT = '10.32.0.0/12 fd00:32::/64';
const NODES = { n1: '192.0.2.1', n2: '192.0.2.2' } as const;
const NODES6 = { n1: 'fd00:30::1', n2: 'fd00:30::2' } as const;
const pod = (network: string, host: number, node: string): TestPod => ({
  network,
  address: `10.32.0.${host}`,
  address6: `fd00:32::${host}`,
  node,
});

/** f and g are routed by the underlay, as x is, which has a subnet of its own; c is not, nor is y, whose subnet is x's. */
const WORLD = {
  nodes: NODES,
  nodes6: NODES6,
  networks: {
    'ip-fabric': { id: 1, policies: ['fabric', 'web'] },
    c: { id: 5, subnet: FLAT, policies: ['fabric', 'services', 'mixed'] },
    f: { id: 6, subnet: FLAT, policies: ['fabric', 'services', 'mixed', 'friends'], forwarded: true },
    g: { id: 7, subnet: FLAT, policies: ['fabric'], forwarded: true },
    h: { id: 10, subnet: FLAT, policies: ['friends'], forwarded: true },
    l: { id: 8, subnet: FLAT, policies: ['web'], forwarded: true },
    s: { id: 9, subnet: '10.96.0.0/12', policies: ['fabric', 'services'] },
    // Joined with services alone.
    i: { id: 11, subnet: FLAT, policies: ['services'], forwarded: true },
    x: { id: 100, overlapping: true, subnet: '10.9.0.0/24', policies: ['friends'], forwarded: true },
    y: { id: 101, overlapping: true, subnet: '10.9.0.0/24', forwarded: true },
  },
  policies: {
    fabric: [['self', 'ip-fabric']],
    services: [['self', 's']],
    mixed: [['c', 'f']],
    friends: [
      ['f', 'x'],
      ['f', 'h'],
    ],
    web: [['ip-fabric', 'l', { protocol: 'tcp', dst_ports: [{ start_port: 8080, end_port: 8080 }] }]],
  },
  pods: {
    c1: pod('c', 1, 'n1'),
    c2: pod('c', 2, 'n2'),
    f1: pod('f', 11, 'n1'),
    f2: pod('f', 12, 'n2'),
    f3: pod('f', 13, 'n1'),
    g2: pod('g', 22, 'n2'),
    h2: pod('h', 42, 'n2'),
    l2: pod('l', 32, 'n2'),
    i1: pod('i', 51, 'n1'),
    i2: pod('i', 52, 'n2'),
    x2: { network: 'x', address: '10.9.0.2', node: 'n2' },
    y1: { network: 'y', address: '10.9.0.1', node: 'n1' },
    y2: { network: 'y', address: '10.9.0.2', node: 'n2' },
  },
  services: {
    ours: { vip: '10.96.0.10', network: 's', ports: [{ protocol: 'TCP', port: 80, backends: [['f2', 8080]] }] },
    theirs: {
      vip: '10.96.0.11',
      network: 's',
      ports: [{ protocol: 'TCP', port: 80, nodePort: 30080, backends: [['c2', 8080]] }],
    },
    open: {
      vip: '10.96.0.12',
      network: 's',
      ports: [{ protocol: 'TCP', port: 80, nodePort: 30081, backends: [['f2', 8080]] }],
    },
    alone: { vip: '10.96.0.13', network: 's', ports: [{ protocol: 'TCP', port: 80, backends: [['i2', 8080]] }] },
    far: { vip: '10.96.0.1', network: 's', ports: [{ protocol: 'TCP', port: 443, backends: [[OUT, 6443]] }] },
    node: { vip: '10.96.0.2', network: 's', ports: [{ protocol: 'TCP', port: 443, backends: [[NODES.n2, 6443]] }] },
  },
} as const satisfies TestWorld;

/** The same cluster where the underlay routes nothing. */
const TUNNELLED: TestWorld = {
  ...WORLD,
  networks: Object.fromEntries(
    Object.entries(WORLD.networks).map(([name, each]) => [name, { ...each, forwarded: false }]),
  ),
};

let lab: Lab;

/** Takes a world up; nodes answer each other meanwhile, and are believed from the second look on. */
async function take(world: TestWorld): Promise<void> {
  await lab.apply(world);
  for (const [node, other] of [
    ['n1', 'n2'],
    ['n2', 'n1'],
  ] as const)
    for (const address of [NODES[other], NODES6[other]])
      while (!(await lab.sh(node, `ip neigh show ${address}`)).stdout.includes('lladdr')) await sleep(50);
  await lab.apply(world);
}

beforeAll(async () => {
  lab = await createLab('vd', NODES);
  await lab.addOutside('out', OUT);
  for (const [name, address] of Object.entries({ ...NODES6, out: 'fd00:30::9' }))
    await lab.sh(name, `ip addr add ${address}/64 dev eth0 nodad`);
  for (const node of Object.keys(NODES))
    await lab.sh(node, `ip route add default via ${OUT}; ip -6 route add default via fd00:30::9`);
  for (const { address, address6, node } of Object.values<TestPod>(WORLD.pods)) {
    const [via, via6] = node === 'n1' ? [NODES.n1, NODES6.n1] : [NODES.n2, NODES6.n2];
    await lab.sh('out', `ip route add ${address} via ${via}`);
    if (address6 !== undefined) await lab.sh('out', `ip route add ${address6} via ${via6}`);
  }
  for (const name of Object.keys(WORLD.pods)) {
    await lab.addPod(name, WORLD);
    lab.serve(name, 8080);
    lab.serve(name, 8081);
  }
  for (const name of ['n1', 'n2', 'out']) lab.serve(name, 6443);
  lab.listen('f1', 7000);
  await take(WORLD);
  for (const name of Object.keys(WORLD.pods)) while ((await lab.reach(name, '127.0.0.1')) === undefined);
});

afterAll(async () => lab.down());

/** Counts at each node what comes from the underlay while something is done: packets in the tunnel, and with pods' addresses. */
async function wire(action: () => Promise<unknown>): Promise<{ readonly tunnel: number; readonly pods: number }> {
  const table = `table inet watch {
    chain seen {
      type filter hook prerouting priority -500
      iifname "eth0" udp dport 4789 counter comment "tunnel"
      iifname "eth0" ip saddr { 10.32.0.0/12, 10.9.0.0/24 } counter comment "pods"
      iifname "eth0" ip saddr 192.0.2.0/24 ip daddr { 10.32.0.0/12, 10.9.0.0/24 } counter comment "pods"
      iifname "eth0" ip6 saddr fd00:32::/64 counter comment "pods"
      iifname "eth0" ip6 saddr fd00:30::/64 ip6 daddr fd00:32::/64 counter comment "pods"
    }
  }`;
  for (const node of Object.keys(NODES)) await lab.sh(node, `echo '${table}' | nft -f -`);
  await action();
  const listings = await Promise.all(
    Object.keys(NODES).map(
      async (node) => (await lab.sh(node, 'nft list table inet watch; nft delete table inet watch')).stdout,
    ),
  );
  const count = (what: string): number =>
    [...listings.join('').matchAll(new RegExp(`packets (\\d+) .*"${what}"`, 'g'))].reduce(
      (sum, [, n]) => sum + Number(n),
      0,
    );
  return { tunnel: count('tunnel'), pods: count('pods') };
}

describe('on the wire', () => {
  test.each([
    ['f1', '10.32.0.12', 8080, 'f2 10.32.0.11', 'pods of one network'],
    ['f1', 'fd00:32::12', 8080, 'f2 fd00:32::11', 'the same by IPv6'],
    ['f1', '10.9.0.2', 8080, 'x2 10.32.0.11', 'pods of two such networks that may talk'],
    ['x2', '10.32.0.11', 8080, 'f1 10.9.0.2', 'the other way round'],
    ['f1', NODES.n2, 6443, 'n2 10.32.0.11', 'a pod to another node'],
    ['f1', NODES6.n2, 6443, 'n2 fd00:32::11', 'the same by IPv6'],
    ['n1', '10.32.0.12', 8080, `f2 ${NODES.n1}`, 'a node to a pod elsewhere'],
    ['n1', 'fd00:32::12', 8080, `f2 ${NODES6.n1}`, 'the same by IPv6'],
    ['f1', '10.96.0.10', 80, 'f2 10.32.0.11', 'a service of such a pod'],
    ['n1', '10.96.0.10', 80, `f2 ${NODES.n1}`, 'the same from a node'],
    ['i1', '10.96.0.10', 80, 'f2 10.32.0.51', 'a service of a pod whose network is not joined'],
    ['f1', '10.96.0.13', 80, 'i2 10.32.0.11', 'the other way round'],
    ['n1', '10.96.0.13', 80, `i2 ${NODES.n1}`, 'the same from a node'],
    ['i1', '10.96.0.2', 443, 'n2 10.32.0.51', 'a service of a node that its network is not joined with'],
    ['f1', '10.96.0.2', 443, 'n2 10.32.0.11', 'a service of another node'],
    ['out', NODES.n1, 30081, `f2 ${NODES.n1}`, 'a port of a node that leads to a pod elsewhere'],
  ])('%s to %s:%i as it is: %s, %s', async (from, to, port, banner) => {
    const seen = await wire(async () => expect(await lab.reach(from, to, port)).toBe(banner));
    expect(seen).toEqual({ tunnel: 0, pods: expect.any(Number) });
    expect(seen.pods).toBeGreaterThan(5);
  });

  test.each([
    ['c1', '10.32.0.2', 8080, 'c2 10.32.0.1', 'a network that the underlay does not route'],
    ['c1', '10.32.0.12', 8080, 'f2 10.32.0.1', 'from one to one that it routes'],
    ['f1', '10.32.0.2', 8080, 'c2 10.32.0.11', 'the other way round'],
    ['f1', '10.96.0.11', 80, 'c2 10.32.0.11', 'a service of another network'],
    ['y1', '10.9.0.2', 8080, 'y2 10.9.0.1', 'a network whose addresses are another one’s'],
  ])('%s to %s:%i in the tunnel: %s, %s', async (from, to, port, banner) => {
    const seen = await wire(async () => expect(await lab.reach(from, to, port)).toBe(banner));
    expect(seen).toEqual({ tunnel: expect.any(Number), pods: 0 });
    expect(seen.tunnel).toBeGreaterThan(5);
  });

  test('a datagram in fragments passes', async () => {
    const { stdout } = await lab.sh('f1', 'ping -c1 -W2 -s 4000 10.32.0.12');
    expect(stdout).toContain('1 received');
  });
});

describe('isolation', () => {
  test.each([
    ['f1', '10.32.0.22', 8080, 'another network that the underlay routes, without a policy'],
    ['i1', '10.32.0.12', 8080, 'one that services alone lead to'],
    ['n1', '10.32.0.52', 8080, 'the same from a node'],
    ['i1', NODES.n2, 6443, 'a node that services alone lead to'],
    ['c1', '10.32.0.22', 8080, 'from one that it does not route'],
    ['l2', OUT, 6443, 'a network whose policy lets the fabric in alone, to the outside'],
    ['out', '10.32.0.2', 8080, 'the outside to a network that the underlay does not route'],
    ['out', '10.32.0.32', 8081, 'the outside at a port that the network’s policy does not let pass'],
    ['x2', OUT, 6444, 'a port where nobody listens'],
  ])('%s does not reach %s:%i: %s', async (from, to, port) => {
    await expect(lab.reach(from, to, port)).resolves.toBeUndefined();
  });

  test.each([
    ['10.32.0.12', 'a pod elsewhere'],
    ['10.32.0.2', 'a pod of another network'],
    [NODES.n2, 'a node'],
    ['10.40.0.1', 'an address of pods that nobody has'],
  ])('the outside does not reach a pod as %s: %s', async (source) => {
    await lab.sh('out', `ip addr add ${source}/32 dev lo`);
    await lab.send('out', `UDP4-SENDTO:10.32.0.11:7000,bind=${source}`, `from ${source}`);
    await lab.send('out', `UDP4-SENDTO:10.32.0.11:7000,bind=${OUT}`, `after ${source}`);
    await expect(lab.received('f1', `after ${source}`)).resolves.toBe(true);
    await expect(lab.received('f1', `from ${source}`)).resolves.toBe(false);
    await lab.sh('out', `ip addr del ${source}/32 dev lo`);
  });
});

describe('the outside', () => {
  test.each([
    ['out', '10.32.0.11', 8080, `f1 ${OUT}`, 'reaches a pod'],
    ['out', 'fd00:32::11', 8080, 'f1 fd00:30::9', 'reaches it by IPv6'],
    ['out', '10.9.0.2', 8080, `x2 ${OUT}`, 'reaches a pod of a network with a subnet of its own'],
    ['out', '10.32.0.32', 8080, `l2 ${OUT}`, 'reaches a port that the network’s policy lets pass'],
    ['f1', OUT, 6443, 'out 10.32.0.11', 'sees the pod'],
    ['f1', 'fd00:30::9', 6443, 'out fd00:32::11', 'sees it by IPv6'],
    ['x2', OUT, 6443, 'out 10.9.0.2', 'sees a pod of a network with a subnet of its own'],
    ['f1', '10.96.0.1', 443, `out ${NODES.n1}`, 'is a service’s back end, and sees the node'],
  ])('%s to %s:%i: %s, it %s', async (from, to, port, banner) => {
    await expect(lab.reach(from, to, port)).resolves.toBe(banner);
  });

  test('is explained', () => {
    expect(isExplained(WORLD, 'f1', [OUT, 6443])).toBe(true);
    expect(isExplained(WORLD, 'l2', [OUT, 6443])).toBe(false);
  });
});

/** What a stream to a port has brought so far. */
async function arrived(where: string, port: number): Promise<number> {
  const { stdout } = await lab.sh(where, `ss -tinH state established '( sport = :${port} )'`);
  return Number(/bytes_received:(\d+)/.exec(stdout)?.[1] ?? 0);
}

describe('on a running cluster', () => {
  test.each([
    ['f3', '10.32.0.12', 'f2', 7100, 'inside of a network'],
    ['f3', '10.32.0.42', 'h2', 7101, 'between two networks'],
    ['n1', '10.32.0.12', 'f2', 7102, 'of a node'],
  ])('a stream of %s to %s (%s:%i) goes on when it is switched off and on: %s', async (from, to, at, port) => {
    lab.background(at, `socat -u TCP4-LISTEN:${port},reuseaddr CREATE:/dev/null`);
    await sleep(200);
    lab.background(from, `sh -c 'while sleep 0.05; do echo tick; done | socat -u - TCP4:${to}:${port}'`);
    while ((await arrived(at, port)) === 0) await sleep(50);
    for (const world of [TUNNELLED, WORLD]) {
      await take(world);
      const before = await arrived(at, port);
      while ((await arrived(at, port)) === before) await sleep(50);
    }
  });

  test('switched off, pods are in the tunnel again, and nobody outside reaches them', async () => {
    await take(TUNNELLED);
    const seen = await wire(async () => expect(await lab.reach('f1', '10.32.0.12')).toBe('f2 10.32.0.11'));
    expect(seen.pods).toBe(0);
    await expect(lab.reach('out', '10.32.0.11')).resolves.toBeUndefined();
    await take(WORLD);
    await expect(lab.reach('out', '10.32.0.11')).resolves.toBe(`f1 ${OUT}`);
  });

  test('a node that comes back with another MAC is believed at the next look', async () => {
    await lab.sh(
      'n2',
      'ip link set eth0 address 02:00:00:00:99:02; ip link set eth0 up; ip -6 addr add fd00:30::2/64 dev eth0 nodad',
    );
    await lab.sh('n2', `ip route add default via ${OUT}; ping -c1 -W1 ${NODES.n1}`);
    await lab.sh('n1', `ip neigh flush dev eth0; ping -c1 -W1 ${NODES.n2}`);
    await take(WORLD);
    const seen = await wire(async () => expect(await lab.reach('f2', '10.32.0.11')).toBe('f1 10.32.0.12'));
    expect(seen.tunnel).toBe(0);
  });
});
