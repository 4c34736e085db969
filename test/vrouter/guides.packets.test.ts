/** Guides by packets (ADR 0009): five nodes, each with what the config API sends it; two of them are led to pods that they do not know. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { guideFor, guidesOf } from '../../contrail/guides.ts';
import { tunnelMac } from '../../vrouter/linux/tunnel.ts';
import type { TestPod, TestWorld } from './config.ts';
import { isExplained } from './explained.ts';
import { udpPacket, vxlanPayload } from './lab/bytes.ts';
import { createLab, type Lab } from './lab/nodes.ts';

jest.setTimeout(120_000);

const NAMES = ['n1', 'n2', 'n3', 'n4', 'n5'];
const NODES = Object.fromEntries(NAMES.map((name, index) => [name, `192.0.2.${index + 1}`]));
const NODES6 = Object.fromEntries(NAMES.map((name, index) => [name, `fd00:30::${index + 1}`]));
const GUIDES = guidesOf(NAMES);
const [LED = '', FAR = ''] = NAMES.filter((name) => !GUIDES.includes(name));
const [FIRST = '', SECOND = '', RESERVE = ''] = GUIDES;
const OUT = '192.0.2.9';

const FLAT = '10.32.0.0/12 fd00:32::/64';
const pod = (network: string, host: number, node: string): TestPod => ({
  network,
  address: `10.32.0.${host}`,
  address6: `fd00:32::${host}`,
  node,
});

/** a and b are isolated namespaces, c is the cluster's, l lets nodes have one port, f is routed by the underlay. */
const WORLD = {
  nodes: NODES,
  nodes6: NODES6,
  networks: {
    'ip-fabric': { id: 1, policies: ['fabric', 'web'] },
    a: { id: 5, subnet: FLAT, policies: ['fabric', 'services'] },
    b: { id: 6, subnet: FLAT, policies: ['fabric', 'services'] },
    c: { id: 7, subnet: FLAT, policies: ['fabric', 'services'] },
    f: { id: 8, subnet: FLAT, policies: ['fabric'], forwarded: true },
    l: { id: 9, subnet: FLAT, policies: ['web'] },
    s: { id: 10, subnet: '10.96.0.0/12', policies: ['fabric', 'services'] },
    x: { id: 100, overlapping: true, subnet: '10.9.0.0/24' },
  },
  policies: {
    fabric: [['self', 'ip-fabric']],
    services: [['self', 's']],
    web: [['ip-fabric', 'l', { protocol: 'tcp', dst_ports: [{ start_port: 8080, end_port: 8080 }] }]],
  },
  pods: {
    near: pod('b', 1, LED),
    far: pod('a', 2, FAR),
    guided: pod('a', 3, FIRST),
    other: pod('a', 4, SECOND),
    back: pod('c', 5, FAR),
    routed: pod('f', 6, FAR),
    limited: pod('l', 7, FAR),
    served: pod('a', 8, SECOND),
    x1: { network: 'x', address: '10.9.0.1', node: LED },
  },
  services: {
    ours: { vip: '10.96.0.10', network: 's', ports: [{ protocol: 'TCP', port: 80, backends: [['back', 8080]] }] },
    theirs: { vip: '10.96.0.11', network: 's', ports: [{ protocol: 'TCP', port: 80, backends: [['served', 8080]] }] },
  },
} as const satisfies TestWorld;

let lab: Lab;

beforeAll(async () => {
  lab = await createLab('vn', NODES);
  await lab.addOutside('out', OUT);
  for (const [name, address] of Object.entries(NODES6)) await lab.sh(name, `ip addr add ${address}/64 dev eth0 nodad`);
  for (const name of NAMES) await lab.sh(name, `ip route add default via ${OUT}`);
  for (const name of Object.keys(WORLD.pods)) {
    await lab.addPod(name, WORLD);
    lab.serve(name, 8080);
    lab.serve(name, 8081);
  }
  for (const name of [...NAMES, 'out']) lab.serve(name, 6443);
  lab.listen('far', 7000);
  lab.listen(LED, 7000);
  await lab.apply(WORLD);
  for (const name of Object.keys(WORLD.pods)) while ((await lab.reach(name, '127.0.0.1')) === undefined);
  // Neighbours on the underlay are believed from the second look on.
  await lab.apply(WORLD);
});

afterAll(async () => lab.down());

/** How many packets come in by the tunnel at a node while something is done. */
async function ledBy(node: string, action: () => Promise<unknown>): Promise<number> {
  const table = `table inet watch {
    chain seen {
      type filter hook prerouting priority -500
      iifname "eth0" udp dport 4789 counter
    }
  }`;
  await lab.sh(node, `echo '${table}' | nft -f -`);
  await action();
  const { stdout } = await lab.sh(node, 'nft list table inet watch; nft delete table inet watch');
  return Number(/packets (\d+)/.exec(stdout)?.[1]);
}

describe('a node that is led', () => {
  test('has no route to pods of networks that it has none of', async () => {
    const { stdout } = await lab.sh(LED, 'ip route show table 29001; ip -6 route show table 29001');
    for (const name of ['far', 'guided', 'other'] as const) {
      expect(stdout).not.toContain(`${WORLD.pods[name].address} `);
      expect(stdout).not.toContain(`${WORLD.pods[name].address6} `);
    }
    expect(stdout).toContain('10.32.0.0/12');
  });

  test.each([
    [LED, '10.32.0.4', 8080, `other ${NODES[LED]}`, 'a pod elsewhere'],
    [LED, 'fd00:32::4', 8080, `other ${NODES6[LED]}`, 'the same by IPv6'],
    [LED, '10.32.0.3', 8080, `guided ${NODES[LED]}`, 'a pod of a guide’s'],
    [LED, '10.32.0.2', 8080, `far ${NODES[LED]}`, 'a pod of another node that is led'],
    [LED, '10.32.0.1', 8080, `near ${NODES[LED]}`, 'a pod of its own'],
    [LED, '10.32.0.5', 8080, `back ${NODES[LED]}`, 'a back end by its own address'],
    [LED, '10.32.0.6', 8080, `routed ${NODES[LED]}`, 'a pod that the underlay routes'],
    [LED, '10.32.0.7', 8080, `limited ${NODES[LED]}`, 'a network that nodes may reach in part'],
    [LED, '10.96.0.10', 80, `back ${NODES[LED]}`, 'a service'],
    [LED, '10.96.0.11', 80, `served ${NODES[LED]}`, 'a service of an isolated namespace'],
    ['far', NODES[LED] ?? '', 6443, `${LED} 10.32.0.2`, 'is asked by a pod that it does not know'],
    ['far', NODES6[LED] ?? '', 6443, `${LED} fd00:32::2`, 'the same by IPv6'],
    ['guided', NODES[LED] ?? '', 6443, `${LED} 10.32.0.3`, 'by a pod of a guide’s'],
    ['near', '10.96.0.10', 80, 'back 10.32.0.1', 'its pods reach services, which answer straight'],
    [FIRST, '10.32.0.4', 8080, `other ${NODES[FIRST]}`, 'a guide goes by itself'],
    [FIRST, '10.32.0.2', 8080, `far ${NODES[FIRST]}`, 'to a pod of a node that is led, too'],
  ])('%s to %s:%i: %s, %s', async (from, to, port, banner) => {
    await expect(lab.reach(from, to, port)).resolves.toBe(banner);
  });

  test('reaches by its guide, and is answered straight', async () => {
    const guide = guideFor(LED, GUIDES, new Set()) ?? '';
    const reach = async () => expect(await lab.reach(LED, '10.32.0.2')).toBe(`far ${NODES[LED]}`);
    // A hand-shake, a line each way and the end are some ten packets, of which the guide sees those one way alone.
    await expect(ledBy(guide, reach)).resolves.toBeGreaterThan(2);
    await expect(ledBy(guide, async () => lab.reach(LED, '10.32.0.5'))).resolves.toBe(0);
    await expect(ledBy(guide, async () => lab.reach('near', '10.96.0.10', 80))).resolves.toBe(0);
  });

  test('sends datagrams in fragments, and is told no shorter way', async () => {
    const { stdout } = await lab.sh(
      LED,
      'ping -c3 -i0.1 -W2 -s 4000 10.32.0.2; ip route show cache; ip -6 route show cache',
    );
    expect(stdout).toContain('3 received');
    expect(stdout).not.toContain('redirected');
  });

  test.each([
    ['near', '10.32.0.2', 8080, 'its pods, another namespace’s pod'],
    ['x1', '10.32.0.2', 8080, 'a pod with addresses of its own'],
    ['near', '10.32.9.9', 8080, 'an address that nobody has'],
    [LED, '10.32.9.9', 8080, 'the same from the node'],
    [LED, '10.32.0.7', 8081, 'what the network’s policy does not let pass'],
    ['out', '10.32.0.2', 8080, 'the outside'],
  ])('%s does not reach %s:%i: %s', async (from, to, port) => {
    if (from === 'out') await lab.sh('out', `ip route replace ${to} via ${NODES[LED]}`);
    await expect(lab.reach(from, to, port)).resolves.toBeUndefined();
  });

  test('does not believe the underlay that it is a pod, known or not', async () => {
    for (const source of ['10.32.0.2', '10.40.0.1']) {
      await lab.sh('out', `ip addr add ${source}/32 dev lo`);
      await lab.send('out', `UDP4-SENDTO:${NODES[LED]}:7000,bind=${source}`, `from ${source}`);
      await lab.send('out', `UDP4-SENDTO:${NODES[LED]}:7000,bind=${OUT}`, `after ${source}`);
      await expect(lab.received(LED, `after ${source}`)).resolves.toBe(true);
      await expect(lab.received(LED, `from ${source}`)).resolves.toBe(false);
      await lab.sh('out', `ip addr del ${source}/32 dev lo`);
    }
  });

  test.each([
    [LED, '10.32.0.2', 8080, true],
    [LED, '10.32.0.3', 8080, true],
    [LED, '10.32.9.9', 8080, false],
    [LED, '10.32.0.7', 8081, false],
    ['near', '10.32.0.2', 8080, false],
    ['far', NODES[LED] ?? '', 6443, true],
  ])('%s to %s:%i is explained: %s', (from, to, port, passes) => {
    expect(isExplained(WORLD, from, [to, port])).toBe(passes);
  });
});

describe('a guide', () => {
  test.each([
    ['machine', NODES[LED] ?? '', true],
    ['pod', '10.32.0.1', false],
    ['stranger', '203.0.113.1', false],
  ])('leads on what a %s has sent (%s): %s', async (who, from, passes) => {
    const inner = udpPacket({ from, to: '10.32.0.2', port: 7000, payload: `as a ${who}` });
    const bytes = vxlanPayload(1, tunnelMac(NODES[FIRST] ?? ''), inner);
    await lab.send(LED, `UDP4-SENDTO:${NODES[FIRST]}:4789`, bytes);
    await expect(lab.received('far', `as a ${who}`)).resolves.toBe(passes);
  });

  test.each([
    ['the first', [FIRST]],
    ['both that are used', [FIRST, SECOND]],
  ])('that is silent is passed over: %s', async (_, dead) => {
    await lab.apply(WORLD, undefined, dead);
    const next = guideFor(LED, GUIDES, new Set(dead)) ?? '';
    expect(dead).not.toContain(next);
    await expect(
      ledBy(next, async () => expect(await lab.reach(LED, '10.32.0.2')).toBe(`far ${NODES[LED]}`)),
    ).resolves.toBeGreaterThan(2);
    await lab.apply(WORLD);
  });

  test('in reserve knows the pods as well', async () => {
    await expect(lab.reach(RESERVE, '10.32.0.2')).resolves.toBe(`far ${NODES[RESERVE]}`);
  });

  test('takes a stream over, and gives it back', async () => {
    lab.background('far', 'socat -u TCP4-LISTEN:7100,reuseaddr CREATE:/dev/null');
    const arrived = async (): Promise<number> => {
      const { stdout } = await lab.sh('far', "ss -tinH state established '( sport = :7100 )'");
      return Number(/bytes_received:(\d+)/.exec(stdout)?.[1] ?? 0);
    };
    lab.background(
      LED,
      "sh -c 'while sleep 0.05; do echo tick; done | socat -u - TCP4:10.32.0.2:7100,retry=20,interval=0.1'",
    );
    while ((await arrived()) === 0);
    for (const dead of [[guideFor(LED, GUIDES, new Set()) ?? ''], []]) {
      await lab.apply(WORLD, undefined, dead);
      const before = await arrived();
      while ((await arrived()) === before);
    }
  });
});
