/**
 * Services by packets, between two nodes made of network namespaces and a machine outside: policies, affinity, ports of the
 * nodes and addresses that lead to them.
 */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestWorld } from './config.ts';
import { createNeighbours, releaseAll } from '../../vrouter/announce/neighbours.ts';
import { inNamespace } from './lab/nodes.ts';
import type { Lab } from './lab/nodes.ts';
import { createPopulatedLab, whenServing } from './lab/populated.ts';
import { OUTSIDE, WORLD } from './lab/world.ts';

jest.setTimeout(60_000);

const BOTH = [
  ['c1', 8080],
  ['c2', 8080],
] as const;
const EXTERNAL = '203.0.113.7';

/** c1 is on n1, c2 on n2. */
const SERVICES = {
  local: {
    vip: '10.96.1.1',
    network: 's',
    traffic: { internalLocal: true },
    ports: [{ protocol: 'TCP', port: 80, backends: BOTH }],
  },
  far: {
    vip: '10.96.1.2',
    network: 's',
    traffic: { internalLocal: true },
    ports: [{ protocol: 'TCP', port: 80, backends: [['c2', 8080]] }],
  },
  draining: {
    vip: '10.96.1.3',
    network: 's',
    ports: [
      { protocol: 'TCP', port: 80, backends: [['c1', 8080, 'draining']] },
      {
        protocol: 'TCP',
        port: 81,
        backends: [
          ['c1', 8080, 'draining'],
          ['c2', 8080],
        ],
      },
    ],
  },
  sticky: {
    vip: '10.96.1.4',
    network: 's',
    ports: [{ protocol: 'TCP', port: 80, affinitySeconds: 600, backends: BOTH }],
  },
  brief: { vip: '10.96.1.7', network: 's', ports: [{ protocol: 'TCP', port: 80, affinitySeconds: 3, backends: BOTH }] },
  open: {
    vip: '10.96.1.5',
    network: 's',
    traffic: { externalAddresses: [EXTERNAL] },
    ports: [
      { protocol: 'TCP', port: 80, nodePort: 30_080, backends: BOTH },
      { protocol: 'UDP', port: 53, nodePort: 30_053, backends: [['c2', 9000]] },
      { protocol: 'TCP', port: 81, nodePort: 30_081, backends: [] },
      { protocol: 'TCP', port: 82, nodePort: 30_082, backends: [[OUTSIDE, 6443]] },
      { protocol: 'TCP', port: 83, nodePort: 30_083, affinitySeconds: 3, backends: BOTH },
      { protocol: 'SCTP', port: 84, nodePort: 30_084, backends: BOTH },
    ],
  },
  balanced: {
    vip: '10.96.1.8',
    network: 's',
    floating: ['192.0.2.200'],
    traffic: { sourceRanges: [`${OUTSIDE}/32`, '10.32.0.0/30'] },
    ports: [{ protocol: 'TCP', port: 80, backends: [['c1', 8080]] }],
  },
  six: {
    vip: 'fd00:96::1',
    network: 's',
    floating: ['fd00:30::200'],
    traffic: { sourceRanges: ['fd00:30::/64'] },
    ports: [{ protocol: 'TCP', port: 80, affinitySeconds: 600, backends: [['fd00:30::9', 6446]] }],
  },
  openLocal: {
    vip: '10.96.1.6',
    network: 's',
    traffic: { externalLocal: true, healthPort: 30_099 },
    ports: [{ protocol: 'TCP', port: 80, nodePort: 30_090, backends: [['c2', 8080]] }],
  },
} as const satisfies TestWorld['services'];

const world: TestWorld = { ...WORLD, services: SERVICES, nodes6: { n1: 'fd00:30::1' } };
let lab: Lab;

beforeAll(async () => {
  lab = await createPopulatedLab('vs');
  await lab.sh('out', `ip route add ${EXTERNAL} via ${WORLD.nodes.n1}`);
  await lab.sh('n1', `ip route add default via ${OUTSIDE}`);
  await lab.apply(world);
  await whenServing(lab);
});

afterAll(async () => lab.down());

/** The banners of several connections. */
async function banners(from: string, address: string, port: number, times = 10): Promise<ReadonlySet<string>> {
  const seen = new Set<string>();
  const ask = () => lab.reach(from, address, port);
  // A busy machine may miss the time that a connection is given.
  for (let each = 0; each < times; each += 1) seen.add((await ask()) ?? (await ask()) ?? 'nobody');
  return seen;
}

async function refusal(from: string, address: string, port: number): Promise<string> {
  const { stderr } = await lab.sh(from, `socat -T1 - TCP4:${address}:${port},connect-timeout=1 </dev/null`);
  return stderr;
}

describe('inside', () => {
  test.each<[string, string, number, readonly string[], string]>([
    ['c3', SERVICES.local.vip, 80, ['c1 10.32.0.3'], 'its own node’s back ends alone'],
    ['n2', SERVICES.local.vip, 80, ['c2 192.0.2.2'], 'a node its own'],
    ['c3', SERVICES.far.vip, 80, ['nobody'], 'none, where its node has none'],
    ['c3', SERVICES.draining.vip, 80, ['c1 10.32.0.3'], 'one on its way out, where nobody else is there'],
    ['c3', SERVICES.draining.vip, 81, ['c2 10.32.0.3'], 'nobody on their way out otherwise'],
  ])('%s at %s:%i reaches %j: %s', async (from, vip, port, want) => {
    expect([...(await banners(from, vip, port))]).toEqual(want);
  });

  test('a flow without a back end of its node’s is dropped, not refused', async () => {
    await expect(refusal('c3', SERVICES.far.vip, 80)).resolves.not.toContain('refused');
  });
});

describe('a floating address', () => {
  const [address] = SERVICES.balanced.floating;

  test('is answered for by the node that holds it, and moves', async () => {
    const [first, second] = (['n1', 'n2'] as const).map((node) =>
      createNeighbours(inNamespace(`${lab.prefix}-${node}`), { address: WORLD.nodes[node], device: 'ocvx0' }),
    );
    await first?.hold([{ address }]);
    await expect(lab.reach('out', address, 80)).resolves.toBe(`c1 ${OUTSIDE}`);
    const before = await neighbourOf('out', address);
    await second?.hold([{ address }]);
    expect(await neighbourOf('out', address)).not.toBe(before);
    await first?.hold([]);
    await expect(lab.reach('out', address, 80)).resolves.toBe('c1 192.0.2.2');
    await lab.sh('out', `ip neigh flush to ${address}`);
    await expect(lab.reach('out', address, 80)).resolves.toBe('c1 192.0.2.2');
  });

  test('is answered for again when the node’s interface has been down', async () => {
    const [neighbours, others] = (['n1', 'n2'] as const).map((node) =>
      createNeighbours(inNamespace(`${lab.prefix}-${node}`), { address: WORLD.nodes[node], device: 'ocvx0' }),
    );
    await others?.hold([]);
    await neighbours?.hold([{ address }]);
    await expect(neighbours?.mend()).resolves.toEqual([]);
    await lab.sh('n1', 'way=$(ip route show default); ip link set eth0 down; ip link set eth0 up; ip route add $way');
    await lab.sh('out', `ip neigh flush to ${address}`);
    await expect(lab.reach('out', address, 80)).resolves.toBeUndefined();
    await expect(neighbours?.mend()).resolves.toEqual([address]);
    await expect(lab.reach('out', address, 80)).resolves.toBe(`c1 ${OUTSIDE}`);
    await neighbours?.hold([]);
  });

  test('of IPv6 is answered for as well, and a client keeps its back end', async () => {
    const [six] = SERVICES.six.floating;
    for (const [machine, own] of [
      ['out', 'fd00:30::9'],
      ['n1', 'fd00:30::1'],
    ] as const) {
      await lab.sh(machine, `ip -6 addr add ${own}/64 dev eth0 nodad`);
    }
    lab.background('out', "socat TCP6-LISTEN:6446,fork,reuseaddr SYSTEM:'echo six $SOCAT_PEERADDR'");
    const neighbours = createNeighbours(inNamespace(`${lab.prefix}-n1`), { address: WORLD.nodes.n1, device: 'ocvx0' });
    await neighbours.hold([{ address: six }]);
    const line = `socat -T1 - TCP6:[${six}]:80,connect-timeout=2 </dev/null`;
    let banner = '';
    for (let tries = 0; tries < 10 && banner === ''; tries += 1) banner = (await lab.sh('out', line)).stdout.trim();
    expect(banner).toMatch(/^six /);
    const kept = await lab.sh('n1', 'nft list map inet opencontrail affinity6');
    expect(kept.stdout).toContain('timeout 10m');
  });

  test('is let go of by a program that did not take it', async () => {
    const routes =
      'ip route show proto 79 dev ocvx0; ip -6 route show proto 79 dev ocvx0; ip neigh show proxy; ip -6 neigh show proxy';
    const neighbours = createNeighbours(inNamespace(`${lab.prefix}-n1`), { address: WORLD.nodes.n1, device: 'ocvx0' });
    await neighbours.hold([{ address }]);
    expect((await lab.sh('n1', routes)).stdout).not.toContain('fd00:30::200');
    expect((await lab.sh('n1', routes)).stdout).toContain(address);
    await releaseAll(inNamespace(`${lab.prefix}-n1`), 'ocvx0');
    expect((await lab.sh('n1', routes)).stdout).toBe('');
  });

  test('keeps the node’s own programs out of reach', async () => {
    await expect(lab.reach('out', address, 6443)).resolves.toBeUndefined();
  });

  test.each<[string, string | undefined, string]>([
    ['c3', 'c1 10.32.0.3', 'a pod that is welcome'],
    ['n1', 'c1 192.0.2.1', 'a node, which always is'],
    ['d1', undefined, 'a pod that is not'],
  ])('%s reaches %s: %s', async (from, want) => {
    await expect(lab.reach(from, address, 80)).resolves.toBe(want);
  });

  test('is silent to whom it is not open', async () => {
    await lab.sh('out', 'ip addr add 192.0.2.77/32 dev eth0');
    const line = `socat -T1 - TCP4:${address}:80,bind=192.0.2.77,connect-timeout=1 </dev/null`;
    expect((await lab.sh('out', line)).stdout).toBe('');
    await lab.sh('out', 'ip addr del 192.0.2.77/32 dev eth0');
  });
});

async function neighbourOf(where: string, address: string): Promise<string> {
  return / lladdr (\S+)/.exec((await lab.sh(where, `ip neigh show to ${address}`)).stdout)?.[1] ?? '';
}

describe('affinity', () => {
  test('a client keeps its back end although the table is loaded anew', async () => {
    const { vip } = SERVICES.sticky;
    const six = 'add element inet opencontrail affinity6 { 0x1 . 0xfeed . 80 timeout 10m expires 9m : 0x00000007 }';
    await lab.sh('n1', `nft '${six}'`);
    const before = await banners('c3', vip, 80, 1);
    await lab.apply(world, (document) => ({ ...document, skeleton: `${document.skeleton}\nchain another { }` }));
    expect((await lab.sh('n1', 'nft list chain inet opencontrail another')).code).toBe(0);
    expect(await banners('c3', vip, 80)).toEqual(before);
    expect((await lab.sh('n1', 'nft list map inet opencontrail affinity6')).stdout).toContain('0x1 . 0xfeed . 80');
    await lab.apply(world);
    expect(await banners('c3', vip, 80)).toEqual(before);
  });

  test('a client keeps its back end, and forgets it in time', async () => {
    const { vip } = SERVICES.brief;
    const kept = await banners('c3', vip, 80, 8);
    expect(kept.size).toBe(1);
    const seen = new Set(kept);
    for (let tries = 0; tries < 8 && seen.size < 2; tries += 1) {
      await sleep(3200);
      seen.add((await lab.reach('c3', vip, 80)) ?? 'nobody');
    }
    expect(seen.size).toBe(2);
  });

  test('a client keeps its back end while others come and go, and gets another when it goes', async () => {
    const { vip } = SERVICES.sticky;
    const kept = (await lab.reach('c3', vip, 80)) ?? '';
    const [own, other] = kept.startsWith('c1') ? (['c1', 'c2'] as const) : (['c2', 'c1'] as const);
    const among = (backends: readonly (readonly [string, number])[]): TestWorld => ({
      ...world,
      services: { ...SERVICES, sticky: { ...SERVICES.sticky, ports: [{ ...SERVICES.sticky.ports[0], backends }] } },
    });
    await lab.apply(among([...BOTH, ['c3', 8080]]));
    expect([...(await banners('c3', vip, 80, 4))]).toEqual([kept]);
    await lab.apply(among([[own, 8080]]));
    expect([...(await banners('c3', vip, 80, 2))]).toEqual([kept]);
    await lab.apply(among([[other, 8080]]));
    expect([...(await banners('c3', vip, 80, 4))]).toEqual([`${other} 10.32.0.3`]);
    await lab.apply(world);
  });

  test('is not forgotten when another Service has a number of back ends that was there before', async () => {
    const { vip } = SERVICES.sticky;
    await lab.reach('c3', vip, 80);
    const many = ['c1', 'c2', 'c3', 'd1'].map((pod) => [pod, 8080] as const);
    const ports = [{ protocol: 'TCP', port: 80, backends: many }] as const;
    const with4: TestWorld = { ...world, services: { ...SERVICES, four: { vip: '10.96.1.9', network: 's', ports } } };
    for (const each of [with4, world, with4]) await lab.apply(each);
    expect((await lab.sh('n1', 'nft list map inet opencontrail affinity4')).stdout).toContain(`. ${vip} . 80`);
    await lab.apply(world);
  });
});

describe('ports of the nodes', () => {
  const [n1, n2] = [WORLD.nodes.n1, WORLD.nodes.n2];

  test('the outside reaches back ends here under its own address, others under the node’s', async () => {
    expect(await banners('out', n1, 30_080, 20)).toEqual(new Set([`c1 ${OUTSIDE}`, `c2 ${n1}`]));
  });

  test.each([
    ['c3', n1, 30_080, /^c[12] 10\.32\.0\.3$/, 'a pod, on its own node'],
    ['c3', n2, 30_080, /^c[12] 10\.32\.0\.3$/, 'a pod, on another node'],
    ['c1', n1, 30_080, /^(c1 169\.254\.1\.1|c2 10\.32\.0\.1)$/, 'a back end itself'],
    ['d1', n1, 30_080, /^c[12] 10\.32\.0\.11$/, 'a pod of a network that only the nodes are open to'],
    ['n1', n1, 30_080, /^c[12] 192\.0\.2\.1$/, 'a node, itself'],
    ['n1', n2, 30_080, /^c[12] 192\.0\.2\.1$/, 'a node, another'],
    ['out', n1, 30_082, /^out 192\.0\.2\.1$/, 'the outside, a back end that is a machine'],
    ['c3', n1, 30_082, /^out 192\.0\.2\.1$/, 'a pod, a back end that is a machine'],
    ['c3', EXTERNAL, 80, /^c[12] 10\.32\.0\.3$/, 'a pod, an external address'],
    ['n1', EXTERNAL, 80, /^c[12] 192\.0\.2\.1$/, 'a node, an external address'],
    ['out', EXTERNAL, 80, /^c[12] 192\.0\.2\.[19]$/, 'the outside, an external address'],
  ])('%s at %s:%i reaches %s: %s', async (from, address, port, banner) => {
    await expect(lab.reach(from, address, port)).resolves.toMatch(banner);
  });

  test.each([
    ['a1', n1, 30_080, 'a network whose addresses overlap with others’'],
    ['n1', '127.0.0.1', 30_080, 'a node by its loopback address, as with kube-proxy’s nftables mode'],
    ['out', n1, 30_082 + 5, 'a port that is nobody’s'],
  ])('%s at %s:%i reaches nobody: %s', async (from, address, port) => {
    await expect(lab.reach(from, address, port)).resolves.toBeUndefined();
  });

  test.each(['out', 'c3', 'n1'])('%s is refused where there is no back end', async (from) => {
    await expect(refusal(from, n1, 30_081)).resolves.toContain('Connection refused');
  });

  test('a Local port is answered on the nodes that have back ends, and keeps the source', async () => {
    expect([...(await banners('out', n2, 30_090, 3))]).toEqual([`c2 ${OUTSIDE}`]);
    expect([...(await banners('out', n1, 30_090, 1))]).toEqual(['nobody']);
    await expect(refusal('out', n1, 30_090)).resolves.not.toContain('refused');
  });

  test('from a pod a Local port of its own node leads everywhere, one of another node to that node', async () => {
    expect([...(await banners('c3', n1, 30_090, 3))]).toEqual(['c2 10.32.0.3']);
    expect([...(await banners('c3', n2, 30_090, 3))]).toEqual(['c2 10.32.0.3']);
  });

  test('a client outside keeps its back end', async () => {
    expect((await banners('out', n1, 30_083, 8)).size).toBe(1);
  });

  test('datagrams arrive, also from a client that began before the service was there', async () => {
    const { open, ...others } = SERVICES;
    await lab.apply({ ...world, services: others });
    await lab.send('out', `UDP4-SENDTO:${n1}:30053,sourceport=5353`, 'too-early');
    await lab.apply({ ...world, services: { ...others, open } });
    await lab.send('out', `UDP4-SENDTO:${n1}:30053,sourceport=5353`, 'in-time');
    await expect(lab.received('c2', 'in-time')).resolves.toBe(true);
    await expect(lab.received('c2', 'too-early')).resolves.toBe(false);
  });

  test('SCTP has its rules', async () => {
    const { stdout } = await lab.sh('n1', 'nft list map inet opencontrail offered4');
    expect(stdout).toContain(`${n1} . sctp . 30084 : goto outer4_2`);
  });
});
