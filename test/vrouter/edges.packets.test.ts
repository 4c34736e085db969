/**
 * The cluster's edges by packets, between two nodes made of network namespaces and a machine outside: source translation, and
 * floating addresses of pods.
 */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { createNeighbours } from '../../vrouter/announce/neighbours.ts';
import { compile } from '../../vrouter/compile/compile.ts';
import { held } from '../../vrouter/announce/choice.ts';
import { type TestWorld, worldObjects } from './config.ts';
import { isExplained } from './explained.ts';
import { createLab, inNamespace, type Lab } from './lab/nodes.ts';

jest.setTimeout(60_000);

const OUTSIDE = '192.0.2.9';
/** Behind the machine outside, as an address of the Internet is. */
const FAR = '198.51.100.9';
const FLAT = '10.32.0.0/12';
const NODES = { n1: '192.0.2.1', n2: '192.0.2.2' } as const;
const FLOATING = {
  '192.0.2.201': { pods: ['c1'] },
  '192.0.2.202': { pods: ['a1'] },
  '192.0.2.203': { pods: ['q2'], ports: [['TCP', 80, 8080]] },
  '192.0.2.204': { pods: ['c1', 'c2'] },
  '192.0.2.205': { pods: ['q1'], direction: 'egress' },
} as const satisfies TestWorld['floating'];

const pod = (network: string, address: string, node: string) => ({ network, address, node });
const WORLD = {
  nodes: NODES,
  networks: {
    'ip-fabric': { id: 1, policies: ['fabric', 'web', 'shut'] },
    c: { id: 5, subnet: FLAT, policies: ['fabric'], snat: true },
    q: { id: 6, subnet: FLAT, policies: ['fabric'] },
    l: { id: 7, subnet: FLAT, policies: ['web'], snat: true },
    k: { id: 8, subnet: FLAT, policies: ['shut'], snat: true },
    a: { id: 100, overlapping: true, subnet: '10.9.0.0/24', snat: true },
    b: { id: 101, overlapping: true, subnet: '10.9.0.0/24', snat: true },
  },
  policies: {
    fabric: [['self', 'ip-fabric']],
    shut: [['k', 'ip-fabric', { action_list: { simple_action: 'deny' } }]],
    web: [['l', 'ip-fabric', { protocol: 'tcp', dst_ports: [{ start_port: 6443, end_port: 6443 }] }]],
  },
  pods: {
    c1: pod('c', '10.32.0.1', 'n1'),
    c2: pod('c', '10.32.0.2', 'n2'),
    c3: pod('c', '10.32.0.3', 'n1'),
    q1: pod('q', '10.32.0.11', 'n1'),
    q2: pod('q', '10.32.0.12', 'n2'),
    q3: pod('q', '10.32.0.13', 'n1'),
    l1: pod('l', '10.32.0.21', 'n1'),
    k1: pod('k', '10.32.0.31', 'n1'),
    a1: pod('a', '10.9.0.1', 'n1'),
    a2: pod('a', '10.9.0.2', 'n2'),
    b1: pod('b', '10.9.0.1', 'n1'),
  },
  floating: FLOATING,
} as const satisfies TestWorld;

let lab: Lab;

beforeAll(async () => {
  lab = await createLab('ve', NODES);
  await lab.addOutside('out', OUTSIDE);
  await lab.sh('out', `ip addr add ${FAR}/32 dev lo`);
  for (const node of Object.keys(NODES)) await lab.sh(node, `ip route add default via ${OUTSIDE}`);
  for (const name of Object.keys(WORLD.pods)) {
    await lab.addPod(name, WORLD);
    lab.serve(name, 8080);
  }
  lab.serve('out', 6443);
  lab.serve('out', 6444);
  lab.serve('n1', 6443);
  await lab.apply(WORLD);
  for (const name of Object.keys(WORLD.pods)) while ((await lab.reach(name, '127.0.0.1')) === undefined);
  await answer(WORLD);
});

afterAll(async () => lab.down());

/** Each node answers for what falls to it. */
async function answer(world: TestWorld, alive: readonly string[] = Object.values(NODES)): Promise<void> {
  for (const [node, address] of Object.entries(NODES)) {
    const { announcements } = compile({ objects: worldObjects(world) }, node);
    const own = held(announcements, { own: address, alive: new Set(alive) });
    await createNeighbours(inNamespace(`${lab.prefix}-${node}`), { address, device: 'ocvx0' }).hold(own);
  }
}

/** What the stream to port 6445 has brought so far. */
async function bytesReceived(): Promise<number> {
  const { stdout } = await lab.sh('out', "ss -tinH state established '( sport = :6445 )'");
  return Number(/bytes_received:(\d+)/.exec(stdout)?.[1] ?? 0);
}

describe('source translation', () => {
  test.each([
    ['c1', OUTSIDE, 6443, `out 192.0.2.201`, 'a pod with a floating address, under that'],
    ['c2', OUTSIDE, 6443, `out ${NODES.n2}`, 'a flat network, under its node’s'],
    ['c3', FAR, 6443, `out ${NODES.n1}`, 'what is behind the gateway'],
    ['a2', FAR, 6443, `out ${NODES.n2}`, 'an overlapping network'],
    ['b1', FAR, 6443, `out ${NODES.n1}`, 'another with the same addresses'],
    ['l1', FAR, 6443, `out ${NODES.n1}`, 'one that may speak with the fabric at a port alone, at that port'],
    ['q1', OUTSIDE, 6443, 'out 192.0.2.205', 'a network without translation, by a floating address of the pod’s'],
  ])('%s to %s:%i is seen as %s: %s', async (from, to, port, banner) => {
    await expect(lab.reach(from, to, port)).resolves.toBe(banner);
    expect(isExplained(WORLD, from, [to, port])).toBe(true);
  });

  test.each([
    ['q3', OUTSIDE, 6443, 'a network without translation'],
    ['l1', FAR, 6444, 'a port that its policy does not let pass'],
    ['k1', FAR, 6443, 'a network that a policy keeps from the fabric'],
    ['c1', '10.32.99.9', 8080, 'an address of pods that nobody has'],
    ['a1', '10.9.0.99', 8080, 'an address of its own network that nobody has'],
    ['c3', '169.254.7.7', 6443, 'link-local addresses'],
  ])('%s does not reach %s:%i: %s', async (from, to, port) => {
    await lab.sh('out', `ip addr add ${to === OUTSIDE ? FAR : to}/32 dev lo`);
    await expect(lab.reach(from, to, port)).resolves.toBeUndefined();
    expect(isExplained(WORLD, from, [to, port])).toBe(false);
  });

  test('the outside does not reach a pod by its own address', async () => {
    await lab.sh('out', `ip route add 10.32.0.3 via ${NODES.n1}`);
    await expect(lab.reach('out', '10.32.0.3')).resolves.toBeUndefined();
  });

  test('an address of the node’s that is no node’s in Contrail is not the outside', async () => {
    await lab.sh('n1', 'ip addr add 203.0.113.1/32 dev lo');
    await expect(lab.reach('c3', '203.0.113.1', 6443)).resolves.toBeUndefined();
  });

  test('has the ports of the pools, where there are any', async () => {
    const pools = [
      ['tcp', 56_000, 56_007],
      ['tcp', 57_000, 57_007],
      ['udp', 58_000, 58_007],
    ] as const;
    await lab.apply({ ...WORLD, portPools: pools });
    for (let times = 0; times < 10; times += 1) await lab.reach('c3', OUTSIDE, 6443);
    await lab.sh('c3', `for i in 1 2 3; do echo x | socat -u - UDP4:${OUTSIDE}:7; done; ping -c1 -W1 ${OUTSIDE}`);
    const shown = await lab.sh('n1', `conntrack -L --orig-src ${WORLD.pods.c3.address} --orig-dst ${OUTSIDE}`);
    // The last port of a line is where answers go.
    const found = shown.stdout
      .split('\n')
      .map((line) => [line.split(' ')[0], / dport=(\d+)(?!.* dport=)/.exec(line)?.[1]]);
    const within = ([name, first, last]: (typeof pools)[number]) =>
      found.filter(([protocol, port]) => protocol === name && Number(port) >= first && Number(port) <= last);
    expect(pools.map((pool) => within(pool).length > 0)).toEqual([true, true, true]);
    expect(within(pools[2])).toHaveLength(3);
    expect(shown.stdout).toMatch(/^icmp /m);
    await lab.apply(WORLD);
  });

  test('ends for running streams when the network loses it', async () => {
    lab.background('out', 'socat -u TCP4-LISTEN:6445,reuseaddr,fork CREATE:/dev/null');
    lab.background('c3', `sh -c 'while sleep 0.1; do echo tick; done | socat -u - TCP4:${FAR}:6445'`);
    while ((await bytesReceived()) === 0) await sleep(50);
    await lab.apply({ ...WORLD, networks: { ...WORLD.networks, c: { ...WORLD.networks.c, snat: false } } });
    const standing = await bytesReceived();
    await sleep(500);
    await expect(bytesReceived()).resolves.toBe(standing);
    await lab.apply(WORLD);
    while ((await bytesReceived()) === standing) await sleep(50);
  });
});

describe('a floating address', () => {
  test.each([
    ['out', '192.0.2.201', 8080, `c1 ${OUTSIDE}`, 'from outside, the client’s address kept'],
    ['out', '192.0.2.202', 8080, `a1 ${OUTSIDE}`, 'of a pod in an overlapping network'],
    ['out', '192.0.2.203', 80, `q2 ${OUTSIDE}`, 'by a port that leads to another one'],
    ['n1', '192.0.2.201', 8080, `c1 ${NODES.n1}`, 'from its own node'],
    ['n2', '192.0.2.201', 8080, `c1 ${NODES.n2}`, 'from another node'],
    ['c3', '192.0.2.201', 8080, 'c1 10.32.0.3', 'from a pod of its own node that may go outside'],
    ['c1', '192.0.2.201', 8080, 'c1 169.254.1.1', 'from its own pod'],
    ['c2', '192.0.2.201', 8080, `c1 ${NODES.n2}`, 'from a pod elsewhere, as from outside'],
    ['a2', '192.0.2.201', 8080, `c1 ${NODES.n2}`, 'from a pod of an overlapping network elsewhere'],
  ])('%s at %s:%i reaches %s: %s', async (from, address, port, banner) => {
    await expect(lab.reach(from, address, port)).resolves.toBe(banner);
  });

  test.each([
    ['out', '192.0.2.203', 8080, 'another port than those it has'],
    ['out', '192.0.2.205', 8080, 'one that is for going out alone'],
    ['q3', '192.0.2.201', 8080, 'a pod that may not go outside'],
    ['out', '192.0.2.201', 6443, 'a port of the node’s'],
  ])('%s does not reach %s:%i: %s', async (from, address, port) => {
    await expect(lab.reach(from, address, port)).resolves.toBeUndefined();
  });

  test('answers a ping, and is what its pod’s ping comes from', async () => {
    await expect(lab.sh('out', 'ping -c1 -W1 192.0.2.201')).resolves.toMatchObject({ code: 0 });
    await expect(lab.sh('c1', `ping -c1 -W1 ${FAR}`)).resolves.toMatchObject({ code: 0 });
  });

  test('moves to another pod on another node, and running streams end', async () => {
    const moved: TestWorld = { ...WORLD, floating: { ...FLOATING, '192.0.2.201': { pods: ['q2'] } } };
    await lab.apply(moved);
    await answer(moved);
    await expect(lab.reach('out', '192.0.2.201')).resolves.toBe(`q2 ${OUTSIDE}`);
    await expect(lab.reach('q2', FAR, 6443)).resolves.toBe('out 192.0.2.201');
    await expect(lab.reach('c1', FAR, 6443)).resolves.toBe(`out ${NODES.n1}`);
    const { stdout } = await lab.sh('n1', 'conntrack -L -d 192.0.2.201 2>/dev/null');
    expect(stdout).toBe('');
    await lab.apply(WORLD);
    await answer(WORLD);
    await expect(lab.reach('out', '192.0.2.201')).resolves.toBe(`c1 ${OUTSIDE}`);
  });

  test('of several pods is one’s whose node lives', async () => {
    const reached = await lab.reach('out', '192.0.2.204');
    const [holder, other] = reached?.startsWith('c1') ? (['n1', 'c2'] as const) : (['n2', 'c1'] as const);
    await answer(WORLD, [NODES[holder === 'n1' ? 'n2' : 'n1']]);
    await lab.sh(holder, 'ip link set eth0 down');
    await expect(lab.reach('out', '192.0.2.204')).resolves.toBe(`${other} ${OUTSIDE}`);
    await lab.sh(holder, `ip link set eth0 up; ip route add default via ${OUTSIDE}`);
    await answer(WORLD);
  });
});
