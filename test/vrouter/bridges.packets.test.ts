/** Services that are bridges, by packets, between nodes made of network namespaces: alone, several of them, and beside a router. */
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { tapName } from '../../contrail/names.ts';
import { bridgedMac, ROUTER_MAC } from '../../vrouter/linux/names.ts';
import { type TestWorld, through, vmiOf } from './config.ts';
import { eventually } from '../kubernetes/eventually.ts';
import { createLab, type Lab } from './lab/nodes.ts';

jest.setTimeout(60_000);

const LEFT = ['10.9.1.0/24', 'fd09:1::/64'];
const RIGHT = ['10.9.2.0/24', 'fd09:2::/64'];
const dual = (network: 'l' | 'r', host: number, node: string) => {
  const third = network === 'l' ? 1 : 2;
  return { network, address: `10.9.${third}.${host}`, address6: `fd09:${third}::${host}`, node };
};
const WORLD = {
  nodes: { n1: '192.0.2.1', n2: '192.0.2.2' },
  networks: {
    'ip-fabric': { id: 1 },
    l: { id: 100, overlapping: true, subnet: LEFT.join(' '), policies: ['chain'] },
    r: { id: 101, overlapping: true, subnet: RIGHT.join(' '), policies: ['chain'] },
  },
  policies: { chain: [['l', 'r', through('one')]] },
  pods: {
    l1: dual('l', 1, 'n1'),
    l2: dual('l', 2, 'n2'),
    r1: dual('r', 1, 'n1'),
    r2: dual('r', 2, 'n2'),
    al: { ...dual('l', 11, 'n2'), of: ['a', 'left'] },
    ar: { ...dual('r', 11, 'n2'), of: ['a', 'right'] },
    bl: { ...dual('l', 12, 'n1'), of: ['b', 'left'] },
    br: { ...dual('r', 12, 'n1'), of: ['b', 'right'] },
    cl: { ...dual('l', 13, 'n2'), of: ['c', 'left'] },
    cr: { ...dual('r', 13, 'n2'), of: ['c', 'right'] },
  },
  chained: { one: { mode: 'transparent', instances: [['al', 'ar']] } },
} as const satisfies TestWorld;
const WAYS = (['l1', 'l2'] as const).flatMap((left) =>
  (['r1', 'r2'] as const).flatMap((right) => [[left, right] as const, [right, left] as const]),
);

/** The world with other services. */
function between(chained: NonNullable<TestWorld['chained']>): TestWorld {
  return { ...WORLD, policies: { chain: [['l', 'r', through(...Object.keys(chained))]] }, chained };
}

let lab: Lab;

beforeAll(async () => {
  lab = await createLab('vbr', WORLD.nodes);
  for (const name of Object.keys(WORLD.pods)) await lab.addPod(name, WORLD);
  await within('a', BRIDGE);
  await within('b', BRIDGE);
  await within('c', ROUTER);
  await lab.apply(WORLD);
  for (const each of ['l1', 'l2', 'r1', 'r2']) {
    for (const port of [8080, 8081]) lab.serve(each, port);
    lab.listen(each, 9000);
    while ((await lab.reach(each, '127.0.0.1', 8081)) === undefined);
  }
});

afterAll(async () => lab.down());

/** Of the networks' packets; interfaces speak for themselves, too, as when they join a multicast group. */
const COUNTING = `
  counter forth { }
  counter back { }
  counter refused { }
  counter pings { }
  chain pass {
    type filter hook forward priority 0; policy accept;
    tcp dport 8081 counter name refused drop
    icmp type { echo-request, echo-reply } counter name pings
    icmpv6 type { echo-request, echo-reply } counter name pings
    ip saddr 10.9.0.0/16 goto count
    ip6 saddr fd09::/16 goto count
  }
  chain count {
    iifname "left" oifname "right" counter name forth accept
    iifname "right" oifname "left" counter name back accept
  }`;
/** Joins the interfaces of a pod, which speaks by neither, and drops a port. */
const BRIDGE = `
  ip link add br0 type bridge
  for i in left right; do ip link set $i master br0; done
  ip link set br0 up
  nft -f - <<'END'
table bridge hop { ${COUNTING}
}
END`;
const ROUTER = `
  sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
  for i in all left right; do sysctl -qw net.ipv4.conf.$i.rp_filter=0; done
  ip route add ${LEFT[0]} via 169.254.1.1 dev left onlink
  ip route add ${RIGHT[0]} via 169.254.1.1 dev right onlink
  ip -6 route add ${LEFT[1]} via fe80::1 dev left onlink
  ip -6 route add ${RIGHT[1]} via fe80::1 dev right onlink
  nft -f - <<'END'
table inet hop { ${COUNTING}
}
END`;

async function within(name: string, script: string): Promise<string> {
  const { code, stdout, stderr } = await lab.sh(name, `set -e\n${script}`);
  if (code !== 0) throw new Error(stderr);
  return stdout;
}

/** What a service has passed on, and dropped, since it was asked last. */
async function passed(name: string): Promise<Record<'forth' | 'back' | 'refused' | 'pings', number>> {
  const stdout = await within(name, 'nft reset counters');
  const of = (counter: string): number =>
    Number(new RegExp(`counter ${counter} \\{\\s+packets (\\d+)`).exec(stdout)?.[1] ?? -1);
  return { forth: of('forth'), back: of('back'), refused: of('refused'), pings: of('pings') };
}

describe('a bridge', () => {
  beforeAll(async () => lab.apply(WORLD));

  test.each(WAYS)('is passed from %s to %s, and back, and nothing goes around it', async (from, to) => {
    for (const field of ['address', 'address6'] as const) {
      await expect(lab.reach(from, WORLD.pods[to][field])).resolves.toBe(`${to} ${WORLD.pods[from][field]}`);
      await passed('a');
      await within(from, `ping -nqc5 -i0.01 -W1 ${WORLD.pods[to][field]}`);
      expect(await passed('a')).toMatchObject({ pings: 10 });
    }
  });

  test('may refuse', async () => {
    for (const [from, to] of WAYS) {
      for (const field of ['address', 'address6'] as const) {
        await expect(lab.reach(from, WORLD.pods[to][field], 8081)).resolves.toBeUndefined();
        expect((await passed('a')).refused).toBeGreaterThan(0);
      }
    }
    await expect(lab.reach('l1', WORLD.pods.l2.address, 8081)).resolves.toBe(`l2 ${WORLD.pods.l1.address}`);
  });

  test('carries long datagrams, in fragments, and long streams', async () => {
    for (const [from, to] of WAYS) {
      const { address, address6 } = WORLD.pods[to];
      for (const each of [address, address6]) await within(from, `ping -nqc1 -W1 -s 4000 ${each}`);
      await lab.send(from, `UDP4:${address}:9000`, `${from} to ${to} ${'.'.repeat(4000)}\n`);
      await expect(lab.received(to, `${from} to ${to}`)).resolves.toBe(true);
    }
    lab.background('r2', `socat -u TCP6-LISTEN:7000,ipv6-v6only=0,reuseaddr SYSTEM:'wc -c > /tmp/${lab.prefix}-bytes'`);
    while ((await lab.sh('r2', "ss -tlnH 'sport = :7000'")).stdout === '');
    await within('l1', `head -c 20000000 /dev/zero | socat -u - TCP4:${WORLD.pods.r2.address}:7000`);
    const counted = `while [ ! -s /tmp/${lab.prefix}-bytes ]; do sleep 0.1; done; cat /tmp/${lab.prefix}-bytes; rm /tmp/${lab.prefix}-bytes`;
    expect(Number(await within('r2', counted))).toBe(20_000_000);
  });

  test('speaks for nobody else', async () => {
    const target = WORLD.pods.r2.address;
    const neighbour = `ip neigh replace ${target} lladdr ${bridgedMac(vmiOf('ar'))} dev br0 nud permanent`;
    for (const [source, isKnown] of [
      ['10.9.9.9', false],
      // What it passes on has sources of the near network: it could have been asked to.
      [WORLD.pods.l1.address, true],
    ] as const) {
      await within('a', `ip addr add ${source}/32 dev br0; ip route add ${target} dev br0; ${neighbour}`);
      await within('a', `echo from ${source} | socat -u - UDP4:${target}:9000,bind=${source}`);
      await expect(lab.received('r2', `from ${source}`)).resolves.toBe(isKnown);
      await within('a', `ip route del ${target} dev br0; ip addr del ${source}/32 dev br0`);
    }
  });

  test('is taken up as it stands by a program that starts, and its interfaces are as others when it is none any more', async () => {
    const macOf = async (end: string) =>
      /ether (\S+)/.exec((await lab.sh('n2', `ip link show ${tapName(vmiOf(end))}`)).stdout)?.[1];
    const macs = async () => Promise.all(['al', 'ar'].map(macOf));
    expect(await macs()).toEqual([bridgedMac(vmiOf('al')), bridgedMac(vmiOf('ar'))]);
    const pings = lab.background('l1', `ping -nq -c 500 -i 0.005 ${WORLD.pods.r2.address}`);
    const ended = new Promise((resolve) => pings.on('close', resolve));
    await lab.restart('n2');
    await lab.apply(WORLD);
    expect(await ended).toBe(0);
    expect(await lab.kernel('n2').verify()).toBe(false);
    await lab.apply(between({ one: { mode: 'in-network', instances: [['al', 'ar']] } }));
    expect(await macs()).toEqual([ROUTER_MAC, ROUTER_MAC]);
    expect(await lab.kernel('n2').verify()).toBe(false);
    await lab.apply(WORLD);
    await expect(lab.reach('l1', WORLD.pods.r2.address)).resolves.toContain('r2');
  });

  test('passes what comes from the right first, whatever it had been sent there before it was a service', async () => {
    await within('r2', `ping -nqc1 -W0.1 ${WORLD.pods.br.address} || true`);
    expect(await within('b', 'bridge fdb show dev right')).toContain(ROUTER_MAC);
    await lab.apply(between({ one: { mode: 'transparent', instances: [['bl', 'br']] } }));
    await expect(lab.reach('r2', WORLD.pods.l1.address)).resolves.toContain('l1');
  });
});

describe('bridges and a router in a row', () => {
  const [a, b] = [
    { mode: 'transparent', instances: [['al', 'ar']] },
    { mode: 'transparent', instances: [['bl', 'br']] },
  ] as const;
  const c = { mode: 'in-network', instances: [['cl', 'cr']] } as const;

  test.each<[string, NonNullable<TestWorld['chained']>]>([
    ['router, bridge, bridge', { c, a, b }],
    ['bridge, router, bridge', { a, c, b }],
    ['bridge, bridge, router', { b, a, c }],
  ])('are passed each once: %s', async (_title, chained) => {
    await lab.apply(between(chained));
    for (const [from, to] of WAYS) {
      for (const field of ['address', 'address6'] as const) {
        for (const name of ['a', 'b', 'c']) await passed(name);
        await within(from, `ping -nqc3 -i0.01 -W1 ${WORLD.pods[to][field]}`);
        for (const name of ['a', 'b', 'c']) expect(await passed(name)).toMatchObject({ pings: 6 });
      }
    }
  });
});

describe('several bridges', () => {
  const both = [
    ['al', 'ar'],
    ['bl', 'br'],
  ] as const;
  beforeEach(async () => lab.apply(between({ one: { mode: 'transparent', instances: both } })));

  test('share the flows, and each flow has one for both directions', async () => {
    for (const name of ['a', 'b']) await passed(name);
    const before = await segments();
    for (let round = 0; round < 5; round += 1)
      for (const [from, to] of WAYS) await expect(lab.reach(from, WORLD.pods[to].address)).resolves.toContain(to);
    // None went around them; some may have been dropped behind them, where the connection was closed already.
    const received = (await segments()) - before;
    const [first, second] = [await passed('a'), await passed('b')];
    const shares = [first.forth, first.back, second.forth, second.back];
    expect(Math.min(...shares)).toBeGreaterThan(6);
    expect(shares.reduce((sum, share) => sum + share)).toBeGreaterThanOrEqual(received);
  });

  test('that go are sent nothing, of known flows or new ones', async () => {
    const pings = WAYS.flatMap(([from, to]) =>
      [WORLD.pods[to].address, WORLD.pods[to].address6].map((address) =>
        lab.background(from, `ping -nq -i0.01 ${address}`),
      ),
    );
    await passed('a');
    await eventually(async () => (await passed('a')).pings > 0);
    await lab.apply(between({ one: { mode: 'transparent', instances: both.slice(1) } }));
    // What was sent before may be under way.
    await eventually(async () => {
      await sleep(200);
      const { forth, back } = await passed('a');
      return forth + back === 0;
    });
    for (const [from, to] of WAYS) await expect(lab.reach(from, WORLD.pods[to].address)).resolves.toContain(to);
    expect(await passed('a')).toMatchObject({ forth: 0, back: 0 });
    for (const each of pings) each.kill();
    await lab.apply(between({ one: { mode: 'transparent', instances: [] } }));
    for (const [from, to] of WAYS) await expect(lab.reach(from, WORLD.pods[to].address)).resolves.toBeUndefined();
  });
});

/** What the ends have received by TCP (`InSegs`). */
async function segments(): Promise<number> {
  const texts = await Promise.all(
    ['l1', 'l2', 'r1', 'r2'].map(async (name) => within(name, "awk '/^Tcp: [0-9]/ { print $11 }' /proc/net/snmp")),
  );
  return texts.reduce((sum, text) => sum + Number(text), 0);
}
