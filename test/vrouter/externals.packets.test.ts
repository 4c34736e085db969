/**
 * Networks outside at another interface of nodes, by packets: two nodes have it, without an address there, a third one has not. The router of
 * that segment and that of the underlay's both lead to the same address of the Internet, so that every answer tells which way it took.
 */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import ipaddr from 'ipaddr.js';
import { held } from '../../vrouter/announce/choice.ts';
import { type Neighbours, releaseAll } from '../../vrouter/announce/neighbours.ts';
import { compile } from '../../vrouter/compile/compile.ts';
import { type TestWorld, worldObjects } from './config.ts';
import { isExplained } from './explained.ts';
import { answering } from './lab/answering.ts';
import { createLab, inNamespace, type Lab } from './lab/nodes.ts';
import { receives, sends } from './policy-rules.ts';

jest.setTimeout(90_000);

const NODES = { n1: '192.0.2.1', n2: '192.0.2.2', n3: '192.0.2.3' } as const;
/** The routers: of the underlay's segment, and of the other one. */
const [OUT, EXT] = ['192.0.2.9', '203.0.113.9'] as const;
const EXT6 = '2001:db8:1::9';
/** Behind both. */
const [FAR, FAR6] = ['198.51.100.9', '2001:db8:99::9'] as const;
const [FLAT, FLAT6] = ['10.32.0.0/12', 'fd00:10::/64'] as const;

const pod = (network: string, address: string, node: string) => ({ network, address, node });
const EVERYWHERE = ['n1', 'n2'] as const;
const EXTERNAL = {
  id: 300,
  interface: 'eth1',
  subnets: [
    ['203.0.113.0/24', EXT],
    ['2001:db8:1::/64', EXT6],
  ],
  nodes: EVERYWHERE,
} as const;
const BACKENDS = [['c2', 8080]] as const;
const WORLD = {
  nodes: NODES,
  nodes6: { n1: 'fd00:30::1', n2: 'fd00:30::2', n3: 'fd00:30::3' },
  networks: {
    'ip-fabric': { id: 1, policies: ['fabric', 'services'] },
    c: { id: 5, subnet: `${FLAT} ${FLAT6}`, policies: ['fabric', 'services'], snat: true },
    s: { id: 7, subnet: '10.96.0.0/12 fd00:96::/112', policies: ['fabric', 'services'] },
    r: { id: 8, subnet: `${FLAT} ${FLAT6}`, policies: ['fabric'], snat: true },
    // Alone, but for the outside; with a router alone; and with nothing.
    m: { id: 9, subnet: `${FLAT} ${FLAT6}`, snat: true },
    d: { id: 10, subnet: FLAT },
    k: { id: 11, subnet: FLAT, policies: ['fabric'] },
    a: { id: 100, overlapping: true, subnet: '10.9.0.0/24' },
    b: { id: 101, overlapping: true, subnet: '10.9.0.0/24' },
  },
  policies: { fabric: [['self', 'ip-fabric']], services: [['self', 's']] },
  pods: {
    c1: { ...pod('c', '10.32.0.1', 'n1'), address6: 'fd00:10::1' },
    c2: { ...pod('c', '10.32.0.2', 'n2'), address6: 'fd00:10::2' },
    c3: pod('c', '10.32.0.3', 'n3'),
    r1: { ...pod('r', '10.32.0.11', 'n1'), address6: 'fd00:10::11' },
    r2: { ...pod('r', '10.32.0.12', 'n2'), address6: 'fd00:10::12' },
    r3: { ...pod('r', '10.32.0.13', 'n3'), groups: ['askers'] },
    m1: { ...pod('m', '10.32.0.21', 'n1'), groups: ['guarded'] },
    m2: pod('m', '10.32.0.22', 'n2'),
    d2: pod('d', '10.32.0.32', 'n2'),
    k2: pod('k', '10.32.0.42', 'n2'),
    k3: pod('k', '10.32.0.43', 'n3'),
    a1: pod('a', '10.9.0.1', 'n1'),
    b2: pod('b', '10.9.0.1', 'n2'),
  },
  floating: {
    '203.0.113.201': { pods: ['c1'] },
    '2001:db8:1::201': { pods: ['c1'] },
    '203.0.113.202': { pods: ['a1'] },
    '203.0.113.203': { pods: ['c2'], ports: [['TCP', 80, 8080]] },
    '203.0.113.204': { pods: ['c3'] },
    '203.0.113.206': { pods: ['m1'], direction: 'ingress' },
    '203.0.113.207': { pods: ['k2'], direction: 'egress' },
    '203.0.113.208': { pods: ['m2'], direction: 'ingress' },
    '192.0.2.205': { pods: ['r1'], direction: 'ingress' },
  },
  services: {
    web: {
      vip: '10.96.0.10',
      network: 's',
      floating: ['203.0.113.210'],
      ports: [
        { protocol: 'TCP', port: 80, backends: BACKENDS },
        { protocol: 'TCP', port: 81, backends: [] },
        { protocol: 'UDP', port: 53, backends: [['c1', 9000]] },
      ],
    },
    six: {
      vip: 'fd00:96::10',
      network: 's',
      floating: ['2001:db8:1::210'],
      ports: [{ protocol: 'TCP', port: 80, backends: [['fd00:10::2', 8080]] }],
    },
    machine: {
      vip: '10.96.0.11',
      network: 's',
      floating: ['203.0.113.211'],
      ports: [
        { protocol: 'TCP', port: 80, backends: [[OUT, 6443]] },
        { protocol: 'TCP', port: 81, backends: [[NODES.n1, 6443]] },
        { protocol: 'TCP', port: 82, backends: [[NODES.n2, 6443]] },
      ],
    },
    welcome: {
      vip: '10.96.0.12',
      network: 's',
      floating: ['203.0.113.212'],
      traffic: { sourceRanges: [`${EXT}/32`] },
      ports: [{ protocol: 'TCP', port: 80, backends: BACKENDS }],
    },
  },
  groups: {
    guarded: [...receives({ peer: 'askers' }), ...sends({ peer: 'all' })],
    askers: [...receives({ peer: 'all' }), ...sends({ peer: 'all' })],
  },
  routers: {
    egress: { networks: ['r', 'b'], addresses: ['203.0.113.220', '2001:db8:1::220'] },
    other: { networks: ['d'], addresses: ['203.0.113.222'] },
  },
  externals: { public: EXTERNAL },
} as const satisfies TestWorld;

let lab: Lab;
const neighbours = new Map<string, Neighbours>();

beforeAll(async () => {
  lab = await createLab('vx', NODES);
  await lab.addOutside('out', OUT);
  await lab.addOutside('ext', '192.0.2.200');
  await lab.sh('ext', 'ip link del eth0');
  await lab.attach('ext', 'eth1', [`${EXT}/24`, `${EXT6}/64`]);
  for (const node of EVERYWHERE) await lab.attach(node, 'eth1');
  for (const where of ['out', 'ext'])
    await lab.sh(where, `ip addr add ${FAR}/32 dev lo; ip addr add ${FAR6}/128 dev lo`);
  // A careful router: it answers nobody whose address leads elsewhere.
  await lab.sh('ext', 'sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.eth1.rp_filter=1');
  for (const [node, address] of Object.entries(WORLD.nodes6))
    await lab.sh(
      node,
      `ip addr add ${address}/64 dev eth0 nodad; ip route add default via ${OUT}; ip -6 route add default via fd00:30::9`,
    );
  await lab.sh('out', 'ip addr add fd00:30::9/64 dev eth0 nodad');
  for (const name of Object.keys(WORLD.pods)) {
    await lab.addPod(name, WORLD);
    lab.serve(name, 8080);
  }
  for (const where of ['out', 'ext', 'n1', 'n2']) lab.serve(where, 6443);
  await apply();
  for (const name of Object.keys(WORLD.pods)) while ((await lab.reach(name, '127.0.0.1')) === undefined);
});

afterAll(async () => lab.down());

/** The world as it is when some nodes are silent, and who answers for which address then. */
async function apply(world: TestWorld = WORLD, dead: readonly string[] = []): Promise<void> {
  await lab.apply(world, undefined, dead);
  await answering(lab, world, { nodes: NODES, dead, known: neighbours });
}

function holderOf(address: string, world: TestWorld = WORLD): string {
  const alive = new Set<string>(Object.values(NODES));
  const holds = ([node, own]: readonly [string, string]) => {
    const { announcements } = compile({ objects: worldObjects(world) }, node);
    return held(announcements, { own, alive }).some((each) => each.address === address);
  };
  return Object.entries(NODES).find(holds)?.[0] ?? 'nobody';
}

/** Who answers to a client that is behind the router of the other segment. */
async function fromFar(address: string, port: number): Promise<string> {
  const [target, source] = address.includes(':') ? [`TCP6:[${address}]`, `[${FAR6}]`] : [`TCP4:${address}`, FAR];
  const line = `timeout 3 socat -T1 - ${target}:${port},bind=${source},connect-timeout=1 </dev/null`;
  const { stdout, stderr } = await lab.sh('ext', line);
  const banner = stdout.trim().replace(/\[(.+)\]$/, (_, peer: string) => ipaddr.process(peer).toString());
  if (banner !== '') return banner;
  return stderr.includes('refused') ? 'refused' : 'nobody';
}

describe('what comes in at the interface', () => {
  test.each([
    ['203.0.113.201', 8080, `c1 ${FAR}`, 'a pod, by its floating address'],
    ['2001:db8:1::201', 8080, `c1 ${FAR6}`, 'a pod, by an IPv6 one'],
    ['203.0.113.202', 8080, `a1 ${FAR}`, 'a pod of an overlapping network'],
    ['203.0.113.203', 80, `c2 ${FAR}`, 'a pod, by a port that leads to another one'],
    ['203.0.113.211', 80, 'out', 'a service, of a machine outside'],
    ['203.0.113.211', 81, 'n1', 'a service, of a node'],
    ['203.0.113.211', 82, 'n2', 'a service, of another one'],
    ['203.0.113.210', 80, 'c2', 'a service'],
    ['2001:db8:1::210', 80, 'c2', 'a service, by an IPv6 address'],
    ['203.0.113.210', 81, 'refused', 'nobody, politely, where a service has no back ends'],
    ['203.0.113.212', 80, 'nobody', 'no service that others are welcome to'],
    ['203.0.113.201', 6443, 'refused', 'no port of the node, but the pod’s own'],
    ['203.0.113.203', 8080, 'nobody', 'no other port than a floating address has'],
    ['203.0.113.204', 8080, 'nobody', 'no pod of a node without the interface'],
    ['203.0.113.220', 8080, 'nobody', 'nobody by a router’s address'],
  ])('by %s:%i reaches %s: %s', async (address, port, want) => {
    expect(await fromFar(address, port)).toMatch(new RegExp(`^${want}(?![0-9])`));
  });

  test('is welcome where it is said to be', async () => {
    await expect(lab.reach('ext', '203.0.113.212', 80)).resolves.toMatch(/^c2 /);
  });

  test('is told what is wrong with it, and told so there', async () => {
    await expect(lab.sh('ext', `ping -c1 -W1 -I ${FAR} 203.0.113.201`)).resolves.toMatchObject({ code: 0 });
    // A datagram that is larger than pods may be sent.
    const { stdout } = await lab.sh('ext', `ping -c1 -W1 -M do -s 1470 -I ${FAR} 203.0.113.201`);
    expect(stdout).toMatch(/[Ff]rag(mentation)? needed|mtu/);
  });

  test.each([
    ['10.32.0.1', 8080, 'a pod by its own address'],
    ['10.96.0.10', 80, 'a service by its own'],
    [NODES.n1, 6443, 'the node by its own'],
    [OUT, 6443, 'what the node’s routes lead to'],
    ['192.0.2.205', 8080, 'an address that is the fabric’s'],
  ])('does not reach %s:%i, %s', async (address, port) => {
    await lab.sh('ext', `ip route replace ${address} via 203.0.113.201`);
    await expect(lab.reach('ext', address, port)).resolves.toBeUndefined();
    await lab.sh('ext', `ip route del ${address}`);
  });

  test.each(['10.32.0.2', NODES.n2, 'fd00:10::2', 'fd00:30::2'])('is not believed to be %s', async (source) => {
    const v6 = source.includes(':');
    await lab.sh('ext', `ip addr add ${source}/${v6 ? '128 nodad' : '32'} dev lo`);
    const before = await counted('n1', 'spoofed');
    const target = v6 ? '[2001:db8:1::201]' : '203.0.113.201';
    const line = `echo hello | socat -u - UDP${v6 ? 6 : 4}:${target}:9000,bind=${v6 ? `[${source}]` : source}`;
    await expect(lab.sh('ext', line)).resolves.toMatchObject({ code: 0 });
    expect(await counted('n1', 'spoofed')).toBeGreaterThan(before);
    await lab.sh('ext', `ip addr del ${source}/${v6 ? 128 : 32} dev lo`);
  });

  test('may be the machine’s own, by an address that it has there', async () => {
    await lab.sh('n1', 'ip addr add 203.0.113.11/24 dev eth1');
    await apply();
    await expect(lab.reach('ext', '203.0.113.11', 6443)).resolves.toBe(`n1 ${EXT}`);
    // The kernel drops all routes of an interface with its last address, and forgets whom it is a proxy of.
    await lab.sh('n1', 'ip addr del 203.0.113.11/24 dev eth1');
    await apply();
    await neighbours.get('n1')?.mend();
    expect(await fromFar('203.0.113.201', 8080)).toBe(`c1 ${FAR}`);
  });
});

describe('at the fabric', () => {
  test.each(['203.0.113.201', '203.0.113.210'])('%s is nobody’s', async (address) => {
    await lab.sh('out', `ip route replace ${address} via ${NODES.n1}`);
    await expect(lab.reach('out', address, address.endsWith('210') ? 80 : 8080)).resolves.toBeUndefined();
  });

  test('its own addresses are served', async () => {
    await expect(lab.reach('out', '192.0.2.205')).resolves.toBe(`r1 ${OUT}`);
  });

  test('pods and nodes reach what is said of the addresses inside', async () => {
    await expect(lab.reach('c3', '203.0.113.210', 80)).resolves.toBe('c2 10.32.0.3');
    await expect(lab.reach('n3', '203.0.113.210', 80)).resolves.toMatch(/^c2 /);
    await expect(lab.reach('n1', '203.0.113.201')).resolves.toBe(`c1 ${NODES.n1}`);
  });
});

/** Who answers a datagram, and sees whom; sent from a port if one is given. */
async function asked(from: string, address: string, source = 0): Promise<string> {
  const [target, bind] = address.includes(':') ? [`UDP6:[${address}]`, '[::]'] : [`UDP4:${address}`, '0.0.0.0'];
  const line = `echo hello | timeout 2 socat -t0.7 - ${target}:9001,bind=${bind}:${source}`;
  const { stdout } = await lab.sh(from, line);
  return stdout.trim().replace(/\[(.+)\]$/, (_, peer: string) => ipaddr.process(peer).toString());
}

/** The same, of several datagrams: on a busy machine an answer may come late. */
async function answered(from: string, address: string, source = 0): Promise<string> {
  let answer = '';
  for (let tries = 0; tries < 10 && answer === ''; tries += 1) answer = await asked(from, address, source);
  return answer;
}

describe('a pod’s address, on other nodes', () => {
  test.each([
    ['c2', '203.0.113.201', 8080, 'c1 10.32.0.2', 'from a pod of its network'],
    ['r2', '203.0.113.201', 8080, 'c1 10.32.0.12', 'from one of another that may go outside'],
    ['r3', '203.0.113.201', 8080, 'c1 10.32.0.13', 'from one of a node without the interface'],
    ['m2', '203.0.113.201', 8080, 'c1 10.32.0.22', 'from one of a network that is joined with no other'],
    ['c2', '2001:db8:1::201', 8080, 'c1 fd00:10::2', 'by IPv6'],
    ['r2', '2001:db8:1::201', 8080, 'c1 fd00:10::12', 'by IPv6, from another network'],
    ['r1', '203.0.113.203', 80, 'c2 10.32.0.11', 'by a port that leads to another one'],
    ['r1', '203.0.113.204', 8080, 'c3 10.32.0.11', 'of a pod whose node has not the interface'],
    ['r3', '203.0.113.206', 8080, 'm1 10.32.0.13', 'from one that the pod’s policy lets in'],
    ['n2', '203.0.113.201', 8080, `c1 ${NODES.n2}`, 'from the node itself'],
    ['n3', '203.0.113.203', 80, `c2 ${NODES.n3}`, 'from the node itself, by a port'],
    ['n2', '2001:db8:1::201', 8080, 'c1 fd00:30::2', 'from the node itself, by IPv6'],
    ['n1', '203.0.113.208', 8080, `m2 ${NODES.n1}`, 'from the node itself, in a network that is joined with no other'],
    [
      'd2',
      '203.0.113.201',
      8080,
      'c1 203.0.113.222',
      'from a pod that goes outside by its router alone, as from there',
    ],
  ])('%s at %s:%i reaches %s: %s', async (from, address, port, want) => {
    await expect(lab.reach(from, address, port)).resolves.toBe(want);
    expect(isExplained(WORLD, from, [address, port])).toBe(true);
  });

  test.each([
    ['k3', '203.0.113.201', 8080, 'a pod that may not go outside'],
    ['r1', '203.0.113.203', 8080, 'another port than those it has'],
    ['r1', '203.0.113.207', 8080, 'one that is for going out alone'],
    ['r2', '203.0.113.202', 8080, 'one of a pod whose address overlaps with others'],
    ['m2', '203.0.113.206', 8080, 'a pod whose policy does not let it in'],
    ['m2', '10.32.0.1', 8080, 'a pod’s own address, of a network that is not joined'],
    ['n1', '10.32.0.22', 8080, 'a pod’s own address, of a network that nodes are not joined with'],
  ])('%s does not reach %s:%i: %s', async (from, address, port) => {
    await expect(lab.reach(from, address, port)).resolves.toBeUndefined();
    // Of what goes outside nobody says that it does not arrive.
    expect(isExplained(WORLD, from, [address, port])).toBe(['203.0.113.202', '203.0.113.207'].includes(address));
  });

  test('is reached by datagrams, and answers a ping', async () => {
    lab.background('c1', `socat UDP6-RECVFROM:9001,ipv6only=0,fork SYSTEM:'echo c1 $SOCAT_PEERADDR'`);
    while ((await asked('c1', '127.0.0.1')) === '');
    expect(await answered('r2', '203.0.113.201')).toBe('c1 10.32.0.12');
    expect(await answered('r2', '2001:db8:1::201')).toBe('c1 fd00:10::12');
    expect(await answered('n3', '203.0.113.201')).toBe(`c1 ${NODES.n3}`);
    await expect(lab.sh('r3', 'ping -c1 -W1 203.0.113.201')).resolves.toMatchObject({ code: 0 });
  });

  test('at the fabric is reached as from outside', async () => {
    await expect(lab.reach('c2', '192.0.2.205')).resolves.toBe(`r1 ${NODES.n2}`);
  });

  test('is followed to another pod, on another node, and to nobody', async () => {
    const floating = { ...WORLD.floating, '203.0.113.201': { pods: ['m2'] } };
    await expect(lab.reach('r3', '203.0.113.201')).resolves.toBe('c1 10.32.0.13');
    await apply({ ...WORLD, floating });
    for (const [from, seen] of [
      ['r3', '10.32.0.13'],
      ['c1', '10.32.0.1'],
      ['r2', '10.32.0.12'],
      ['n1', NODES.n1],
    ] as const)
      await expect(lab.reach(from, '203.0.113.201')).resolves.toBe(`m2 ${seen}`);
    expect(await fromFar('203.0.113.201', 8080)).toBe(`m2 ${FAR}`);
    for (const node of Object.keys(NODES)) {
      const { stdout } = await lab.sh(node, 'conntrack -L -d 203.0.113.201 -r 10.32.0.1 2>/dev/null');
      expect(stdout).toBe('');
    }
    const { '203.0.113.201': _gone, ...others } = WORLD.floating;
    await apply({ ...WORLD, floating: others });
    for (const from of ['c2', 'r3', 'n3']) await expect(lab.reach(from, '203.0.113.201')).resolves.toBeUndefined();
    // Who has asked before the address was anybody's goes on to.
    expect(await asked('c2', '203.0.113.201', 7777)).toBe('');
    await apply();
    expect(await answered('c2', '203.0.113.201', 7777)).toBe('c1 10.32.0.2');
    await expect(lab.reach('r3', '203.0.113.201')).resolves.toBe('c1 10.32.0.13');
  });

  test('of several pods is one’s whose node lives', async () => {
    const world = { ...WORLD, floating: { ...WORLD.floating, '203.0.113.201': { pods: ['c1', 'c2'] } } };
    await lab.apply(world, undefined, ['n1']);
    await expect(lab.reach('r3', '203.0.113.201')).resolves.toBe('c2 10.32.0.13');
    await lab.apply(world, undefined, ['n2']);
    await expect(lab.reach('r3', '203.0.113.201')).resolves.toBe('c1 10.32.0.13');
    await apply();
  });

  test('is reached where the underlay routes one of the networks, or both', async () => {
    const { '203.0.113.206': _other, ...floating } = WORLD.floating;
    for (const networks of [['r'], ['m'], ['r', 'm']] as const) {
      const routed = networks.map((name) => [name, { ...WORLD.networks[name], forwarded: true }]);
      await apply({ ...WORLD, floating, networks: { ...WORLD.networks, ...Object.fromEntries(routed) } });
      await expect(lab.reach('r3', '203.0.113.208')).resolves.toBe('m2 10.32.0.13');
      await expect(lab.reach('n1', '203.0.113.208')).resolves.toBe(`m2 ${NODES.n1}`);
    }
    await apply();
  });

  test('is reached by a node under its own name, whatever address it has at the interface', async () => {
    await lab.sh('n2', 'ip addr add 203.0.113.12/24 dev eth1');
    await apply();
    await expect(lab.reach('n2', '203.0.113.201')).resolves.toBe(`c1 ${NODES.n2}`);
    await lab.sh('n2', 'ip addr del 203.0.113.12/24 dev eth1');
    await apply();
    await neighbours.get('n2')?.mend();
  });
});

describe('what goes out', () => {
  test.each<[string, string, string, string]>([
    ['c1', FAR, 'ext 203.0.113.201', 'of a pod with an address there'],
    ['c1', EXT, 'ext 203.0.113.201', 'of it, to the segment itself'],
    ['c1', FAR6, 'ext 2001:db8:1::201', 'of it, by IPv6'],
    ['a1', FAR, 'ext 203.0.113.202', 'of one in an overlapping network'],
    ['r1', FAR, 'ext 203.0.113.220', 'of a network whose router is there'],
    ['r2', FAR, 'ext 203.0.113.220', 'of it, on another node'],
    ['r3', FAR, 'ext 203.0.113.220', 'of it, on a node without the interface'],
    ['r1', FAR6, 'ext 2001:db8:1::220', 'of it, by IPv6'],
    ['r2', FAR6, 'ext 2001:db8:1::220', 'of it, by IPv6, on another node'],
    ['b2', FAR, 'ext 203.0.113.220', 'of an overlapping network with this router'],
    ['c2', FAR, `out ${NODES.n2}`, 'of others goes as it did'],
  ])('from %s to %s is seen by %s: %s', async (from, to, want) => {
    await expect(lab.reach(from, to, 6443)).resolves.toBe(want);
    expect(isExplained(WORLD, from, [to, 6443])).toBe(true);
  });

  test('of a pod whose node has not the interface goes nowhere', async () => {
    await expect(lab.reach('c3', FAR, 6443)).resolves.toBeUndefined();
  });
});

describe('the interface', () => {
  test('that was down is served again', async () => {
    for (const node of EVERYWHERE) await lab.sh(node, 'ip link set eth1 down');
    await apply();
    await expect(lab.reach('c1', FAR, 6443)).resolves.toBeUndefined();
    for (const node of EVERYWHERE) await lab.sh(node, 'ip link set eth1 up');
    await apply();
    await neighbours.get('n1')?.mend();
    await neighbours.get('n2')?.mend();
    await expect(lab.reach('c1', FAR, 6443)).resolves.toBe('ext 203.0.113.201');
    expect(await fromFar('203.0.113.210', 80)).toMatch(/^c2 /);
  });

  test('that was made anew is, too', async () => {
    await lab.sh('n1', 'ip link del eth1');
    await lab.attach('n1', 'eth1');
    await apply();
    await neighbours.get('n1')?.mend();
    await lab.sh('ext', 'ip neigh flush all');
    await expect(lab.reach('c1', FAR, 6443)).resolves.toBe('ext 203.0.113.201');
    expect(await fromFar('203.0.113.201', 8080)).toBe(`c1 ${FAR}`);
  });

  test('of another node is used when one dies', async () => {
    const [address, router] = ['203.0.113.210', '203.0.113.220'];
    const dead = holderOf(router);
    await lab.sh(dead, 'ip link set eth1 down; ip link set eth0 down');
    await apply(WORLD, [dead]);
    const living = dead === 'n1' ? 'r2' : 'r1';
    await expect(lab.reach(living, FAR, 6443)).resolves.toBe(`ext ${router}`);
    if (dead === 'n1') expect(await fromFar(address, 80)).toMatch(/^c2 /);
    await lab.sh(dead, `ip link set eth1 up; ip link set eth0 up; ip route add default via ${OUT}`);
    await lab.sh(
      dead,
      `ip -6 addr add ${dead === 'n1' ? 'fd00:30::1' : 'fd00:30::2'}/64 dev eth0 nodad; ip -6 route add default via fd00:30::9`,
    );
    await apply();
    for (const each of neighbours.values()) await each.mend();
  });

  test('of one node alone has all addresses', async () => {
    const world = { ...WORLD, externals: { public: { ...EXTERNAL, nodes: ['n2'] } } };
    for (const address of ['203.0.113.210', '203.0.113.220', '203.0.113.203'])
      expect(holderOf(address, world)).toBe('n2');
    expect(holderOf('203.0.113.201', world)).toBe('nobody');
    await apply(world);
    expect(await fromFar('203.0.113.210', 80)).toBe(`c2 ${FAR}`);
    await expect(lab.reach('r1', FAR, 6443)).resolves.toBe('ext 203.0.113.220');
    await apply();
  });

  test('is the fabric’s where it has that name', async () => {
    const subnets = [['203.0.113.0/24', EXT]] as const;
    const world = { ...WORLD, externals: { public: { ...EXTERNAL, subnets, interface: 'eth0', nodes: ['n1', 'n2'] } } };
    await apply({ ...world, routers: {} });
    await lab.sh('out', `ip route replace 203.0.113.201 dev eth0`);
    await expect(lab.reach('out', '203.0.113.201')).resolves.toBe(`c1 ${OUT}`);
    await expect(lab.reach('c1', FAR, 6443)).resolves.toBe('out 203.0.113.201');
    await apply();
  });

  test('has nothing of ours any more when the network is gone', async () => {
    const { externals: _gone, ...world } = WORLD;
    await apply({ ...world, floating: {}, services: {}, routers: {} });
    const { stdout } = await lab.sh(
      'n1',
      'nft list table inet opencontrail | grep -i external; ip rule | grep 0x4f4b; ip neigh show proxy',
    );
    expect(stdout).toBe('');
    await expect(lab.sh('n1', 'nft list table arp opencontrail')).resolves.toMatchObject({ stdout: '' });
    for (const node of Object.keys(NODES)) await releaseAll(inNamespace(`${lab.prefix}-${node}`), 'ocvx0');
    await apply();
  });
});

/** How many packets a counter of a node's has seen. */
async function counted(node: string, counter: string): Promise<number> {
  const { stdout } = await lab.sh(node, `nft list counter inet opencontrail ${counter}`);
  return Number(/packets (\d+)/.exec(stdout)?.[1] ?? 0);
}
