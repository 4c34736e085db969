/** Logical routers by packets, between two nodes made of network namespaces and a machine outside: one address, wherever pods are. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { compile } from '../../vrouter/compile/compile.ts';
import { type TestWorld, worldObjects } from './config.ts';
import { answering } from './lab/answering.ts';
import { createLab, type Lab } from './lab/nodes.ts';

jest.setTimeout(60_000);

const [OUTSIDE, EGRESS] = ['192.0.2.9', '192.0.2.220'] as const;
/** Behind the machine outside, as an address of the Internet is. */
const FAR = '198.51.100.9';
const NODES = { n1: '192.0.2.1', n2: '192.0.2.2' } as const;
const pod = (network: string, address: string, node: string) => ({ network, address, node });
const WORLD = {
  nodes: NODES,
  networks: {
    'ip-fabric': { id: 1, policies: ['fabric'] },
    r: { id: 5, subnet: '10.32.0.0/12', policies: ['fabric'], snat: true },
    q: { id: 6, subnet: '10.32.0.0/12' },
    a: { id: 100, overlapping: true, subnet: '10.9.0.0/24' },
    b: { id: 101, overlapping: true, subnet: '10.9.0.0/24' },
  },
  policies: { fabric: [['self', 'ip-fabric']] },
  pods: {
    r1: pod('r', '10.32.0.1', 'n1'),
    r2: pod('r', '10.32.0.2', 'n2'),
    q1: pod('q', '10.32.0.11', 'n1'),
    q2: pod('q', '10.32.0.12', 'n2'),
    a1: pod('a', '10.9.0.1', 'n1'),
    a2: pod('a', '10.9.0.2', 'n2'),
    b2: pod('b', '10.9.0.2', 'n2'),
  },
  routers: { egress: { networks: ['r', 'a', 'b'], addresses: [EGRESS] } },
} as const satisfies TestWorld;

let lab: Lab;

beforeAll(async () => {
  lab = await createLab('vr', NODES);
  await lab.addOutside('out', OUTSIDE);
  await lab.sh('out', `ip addr add ${FAR}/32 dev lo`);
  for (const node of Object.keys(NODES)) await lab.sh(node, `ip route add default via ${OUTSIDE}`);
  for (const name of Object.keys(WORLD.pods)) await lab.addPod(name, WORLD);
  lab.serve('out', 6443);
  await applied([]);
  while ((await lab.reach('out', '127.0.0.1', 6443)) === undefined);
});

afterAll(async () => lab.down());

/** The world as it is when some nodes are silent, and who answers for the address then. */
async function applied(dead: readonly string[], world: TestWorld = WORLD): Promise<void> {
  await lab.apply(world, undefined, dead);
  const neighbours = await answering(lab, world, { nodes: NODES, dead });
  // Whoever was cut off has held it all the time.
  for (const each of neighbours.values()) await each.repeat();
}

function holder(): 'n1' | 'n2' {
  const { egress } = compile({ objects: worldObjects(WORLD) }, 'n1');
  return egress.every(({ via }) => via === undefined) ? 'n1' : 'n2';
}

describe('a router', () => {
  test.each([
    ['r1', 'a flat network, whatever its own nodes’ addresses'],
    ['r2', 'a flat network, on another node'],
    ['a1', 'an overlapping network'],
    ['a2', 'an overlapping network, on another node'],
    ['b2', 'another with the same addresses'],
  ])('is what %s is seen as: %s', async (from) => {
    await expect(lab.reach(from, FAR, 6443)).resolves.toBe(`out ${EGRESS}`);
    await expect(lab.reach(from, OUTSIDE, 6443)).resolves.toBe(`out ${EGRESS}`);
  });

  test.each(['q1', 'q2'])('is no way for %s, whose network it has no port in', async (from) => {
    await expect(lab.reach(from, FAR, 6443)).resolves.toBeUndefined();
  });

  test('leads to no address of its node’s own', async () => {
    lab.serve(holder(), 6443);
    for (const each of Object.keys(NODES)) await lab.sh(each, 'ip addr add 203.0.113.1/32 dev lo');
    for (const from of ['r1', 'r2']) await expect(lab.reach(from, '203.0.113.1', 6443)).resolves.toBeUndefined();
  });

  test('lets nobody in', async () => {
    for (const port of [6443, 8080]) await expect(lab.reach('out', EGRESS, port)).resolves.toBeUndefined();
  });

  test('what comes to it without a flow is not tracked, at any node', async () => {
    for (const [node, address] of Object.entries(NODES)) {
      await lab.sh('out', `ip route replace ${EGRESS} via ${address}`);
      for (const from of ['UDP4', 'TCP4'])
        await lab.sh('out', `echo x | timeout 1 socat -u - ${from}:${EGRESS}:4711,sourceport=4711`);
      const { stdout } = await lab.sh(node, `conntrack -L --orig-dst ${EGRESS}`);
      expect(stdout).toBe('');
    }
    await lab.sh('out', `ip route del ${EGRESS}`);
  });

  test('carries pings, and the errors of routers outside', async () => {
    for (const from of ['r1', 'r2', 'a1', 'a2'])
      await expect(lab.sh(from, `ping -c1 -W1 ${FAR}`)).resolves.toMatchObject({ code: 0 });
    await lab.sh('out', 'sysctl -qw net.ipv4.ip_forward=1; ip route add unreachable 198.51.100.77');
    for (const from of ['r1', 'r2']) {
      const { stdout } = await lab.sh(from, 'ping -c1 -W1 198.51.100.77');
      expect(stdout).toContain('Unreachable');
    }
  });

  test('is taken over by another node, and streams go on', async () => {
    const [before, after] = holder() === 'n1' ? (['n1', 'n2'] as const) : (['n2', 'n1'] as const);
    const pods = after === 'n1' ? ['r1', 'a1'] : ['r2', 'a2'];
    lab.background('out', 'socat -u TCP4-LISTEN:6445,reuseaddr,fork CREATE:/dev/null');
    while ((await lab.sh('out', "ss -tlnH 'sport = :6445'")).stdout === '') await sleep(20);
    for (const each of pods)
      lab.background(each, `sh -c 'while sleep 0.1; do echo tick; done | socat -u - TCP4:${FAR}:6445'`);
    while ((await received()).filter((bytes) => bytes > 0).length < pods.length) await sleep(50);
    await lab.sh(before, 'ip link set eth0 down');
    await applied([before]);
    for (const each of pods) await expect(lab.reach(each, FAR, 6443)).resolves.toBe(`out ${EGRESS}`);
    const then = await received();
    for (let tries = 0; tries < 100 && !(await grown(then)); tries += 1) await sleep(50);
    await expect(grown(then)).resolves.toBe(true);
    await lab.sh(before, `ip link set eth0 up; ip route add default via ${OUTSIDE}`);
    await applied([]);
    await expect(lab.reach(pods[0] ?? '', FAR, 6443)).resolves.toBe(`out ${EGRESS}`);
  });

  test('with several addresses gives each pod one of them, which it keeps when a node dies', async () => {
    const addresses = [EGRESS, '192.0.2.221', '192.0.2.222', '192.0.2.223'];
    const several = { ...WORLD, routers: { egress: { networks: ['r', 'a', 'b'], addresses } } };
    await applied([], several);
    const seen = async (from: string): Promise<string> => (await lab.reach(from, FAR, 6443)) ?? 'nobody';
    const pods = ['r1', 'r2', 'a1', 'a2', 'b2'];
    const own = new Map<string, string>();
    for (const from of pods) {
      own.set(from, await seen(from));
      for (let times = 0; times < 3; times += 1) await expect(seen(from)).resolves.toBe(own.get(from));
    }
    for (const address of own.values()) expect(addresses.map((each) => `out ${each}`)).toContain(address);
    expect(new Set(own.values()).size).toBeGreaterThan(1);
    // Two networks, one address of a pod.
    expect(own.get('b2')).toBe(own.get('a2'));
    await lab.sh('n1', 'ip link set eth0 down');
    await applied(['n1'], several);
    for (const from of ['r2', 'a2', 'b2']) await expect(seen(from)).resolves.toBe(own.get(from));
    await lab.sh('n1', `ip link set eth0 up; ip route add default via ${OUTSIDE}`);
    await applied([], several);
    for (const from of pods) await expect(seen(from)).resolves.toBe(own.get(from));
  });

  test('is gone with its object, and the network goes out as its flag says', async () => {
    await applied([], { ...WORLD, routers: {} });
    await expect(lab.reach('r1', FAR, 6443)).resolves.toBe(`out ${NODES.n1}`);
    await expect(lab.reach('a1', FAR, 6443)).resolves.toBeUndefined();
  });
});

/** What each stream to port 6445 has brought so far. */
async function received(): Promise<readonly number[]> {
  const { stdout } = await lab.sh('out', "ss -tinHO state established '( sport = :6445 )'");
  return [...stdout.matchAll(/bytes_received:(\d+)/g)].map(([, bytes]) => Number(bytes));
}

async function grown(then: readonly number[]): Promise<boolean> {
  const now = await received();
  return then.every((bytes, index) => (now[index] ?? 0) > bytes);
}
