/** Service chains by packets, between nodes made of network namespaces: every stretch of the way is counted, in both directions. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { readDrops } from '../../vrouter/apply/noted.ts';
import { type TestWorld, through } from './config.ts';
import { createLab, inNamespace, type Lab } from './lab/nodes.ts';

jest.setTimeout(60_000);

const pod = (network: string, address: string, node: string) => ({ network, address, node });
const LEFT = ['10.9.1.0/24', 'fd09:1::/64'];
const RIGHT = ['10.9.2.0/24', 'fd09:2::/64'];
const FLAT = '10.32.0.0/12';
const dual = (network: string, host: number, node: string) => {
  const third = network === 'l' ? 1 : 2;
  return { ...pod(network, `10.9.${third}.${host}`, node), address6: `fd09:${third}::${host}` };
};
/** Two overlapping networks with routed services between them, and two flat ones. */
const WORLD = {
  nodes: { n1: '192.0.2.1', n2: '192.0.2.2' },
  networks: {
    'ip-fabric': { id: 1 },
    l: { id: 100, overlapping: true, subnet: LEFT.join(' '), policies: ['chain'] },
    r: { id: 101, overlapping: true, subnet: RIGHT.join(' '), policies: ['chain'] },
    // The same addresses as `l`, and nothing to do with it.
    m: { id: 102, overlapping: true, subnet: LEFT.join(' ') },
    a: { id: 5, subnet: FLAT, policies: ['flat', 'direct'] },
    b: { id: 6, subnet: FLAT, policies: ['flat', 'direct'] },
  },
  policies: {
    chain: [['l', 'r', through('fw')]],
    flat: [['a', 'b', through('gate')]],
    // What is joined by services is not joined without.
    direct: [['a', 'b']],
  },
  pods: {
    l1: dual('l', 1, 'n1'),
    l2: dual('l', 2, 'n2'),
    r1: dual('r', 1, 'n1'),
    r2: dual('r', 2, 'n2'),
    m1: pod('m', '10.9.1.1', 'n1'),
    fwl: { ...dual('l', 11, 'n2'), of: ['fw', 'left'] },
    fwr: { ...dual('r', 11, 'n2'), of: ['fw', 'right'] },
    fxl: { ...dual('l', 12, 'n1'), of: ['fx', 'left'] },
    fxr: { ...dual('r', 12, 'n1'), of: ['fx', 'right'] },
    fyl: { ...dual('l', 13, 'n1'), of: ['fy', 'left'] },
    fyr: { ...dual('r', 13, 'n1'), of: ['fy', 'right'] },
    a1: pod('a', '10.32.0.1', 'n1'),
    a2: pod('a', '10.32.0.2', 'n2'),
    b1: pod('b', '10.32.0.11', 'n1'),
    b2: pod('b', '10.32.0.12', 'n2'),
    ga: { ...pod('a', '10.32.0.21', 'n1'), of: ['g', 'left'] },
    gb: { ...pod('b', '10.32.0.22', 'n1'), of: ['g', 'right'] },
    hl: { ...dual('l', 14, 'n1'), of: ['h', 'left'] },
    hb: { ...pod('b', '10.32.0.23', 'n1'), of: ['h', 'right'] },
  },
  chained: {
    fw: { mode: 'in-network', instances: [['fwl', 'fwr']] },
    gate: { mode: 'in-network', instances: [['ga', 'gb']] },
  },
} as const satisfies TestWorld;

/** The world with other services between `l` and `r`. */
function between(services: readonly string[], chained: TestWorld['chained'], rule: object = {}): TestWorld {
  return {
    ...WORLD,
    policies: { ...WORLD.policies, chain: [['l', 'r', { ...through(...services), ...rule }]] },
    chained: { gate: WORLD.chained.gate, ...chained },
  };
}

let lab: Lab;

beforeAll(async () => {
  lab = await createLab('vc', WORLD.nodes);
  for (const name of Object.keys(WORLD.pods)) await lab.addPod(name, WORLD);
  for (const each of ['fw', 'fx', 'fy']) await route(each, LEFT, RIGHT);
  // Of one address space, a route for each pod.
  await route('g', ['10.32.0.1/32', '10.32.0.2/32'], ['10.32.0.11/32', '10.32.0.12/32']);
  await route('h', LEFT, [FLAT]);
  await lab.apply(WORLD);
  for (const each of ['l1', 'l2', 'r1', 'r2', 'm1', 'a1', 'a2', 'b1', 'b2']) {
    for (const port of [8080, 8081]) lab.serve(each, port);
    lab.listen(each, 9000);
    while ((await lab.reach(each, '127.0.0.1', 8081)) === undefined);
  }
});

afterAll(async () => lab.down());

/** Makes a pod a router between its interfaces that counts what it forwards, and drops TCP port 8081. */
async function route(name: string, left: readonly string[], right: readonly string[]): Promise<void> {
  const routes = Object.entries({ left, right }).flatMap(([device, prefixes]) =>
    prefixes.map((cidr) =>
      cidr.includes(':')
        ? `ip -6 route add ${cidr} via fe80::1 dev ${device} onlink`
        : `ip route add ${cidr} via 169.254.1.1 dev ${device} onlink`,
    ),
  );
  const { code, stderr } = await lab.sh(
    name,
    `set -e
     sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
     for i in all left right; do sysctl -qw net.ipv4.conf.$i.rp_filter=0; done
     ${routes.join('; ')}
     nft -f - <<'END'
table inet fw {
  counter forth { }
  counter back { }
  counter stray { }
  chain pass {
    type filter hook forward priority 0; policy accept;
    ct state invalid counter name stray drop
    tcp dport 8081 drop
    iifname "left" oifname "right" counter name forth accept
    iifname "right" oifname "left" counter name back accept
    counter name stray
  }
}
END`,
  );
  if (code !== 0) throw new Error(stderr);
}

type Named = readonly [pod: string, address: string];

/** A pod asks another one, which sees its address, and the service passes packets both ways. */
async function expectLed(service: string, [from, own]: Named, [to, address]: Named): Promise<void> {
  await passed(service);
  await expect(lab.reach(from, address)).resolves.toBe(`${to} ${own}`);
  const [forth, back] = await passed(service);
  expect(Math.min(forth, back)).toBeGreaterThanOrEqual(3);
}

/** What a service has forwarded since it was asked last; nothing goes astray. */
async function passed(name: string): Promise<readonly [forth: number, back: number]> {
  const { stdout } = await lab.sh(name, 'nft reset counters');
  const of = (counter: string): number =>
    Number(new RegExp(`counter ${counter} \\{\\s+packets (\\d+)`).exec(stdout)?.[1] ?? -1);
  expect(of('stray')).toBe(0);
  return [of('forth'), of('back')];
}

const WAYS = [
  ['l1', 'r1'],
  ['l1', 'r2'],
  ['l2', 'r1'],
  ['l2', 'r2'],
  ['r1', 'l1'],
  ['r1', 'l2'],
  ['r2', 'l1'],
  ['r2', 'l2'],
] as const;

describe('a routed service', () => {
  beforeAll(async () => lab.apply(WORLD));

  test.each(WAYS)('is passed from %s to %s, and back', async (from, to) => {
    for (const field of ['address', 'address6'] as const) {
      await expectLed('fw', [from, WORLD.pods[from][field]], [to, WORLD.pods[to][field]]);
    }
  });

  test.each([
    ['a1', 'b1'],
    ['a1', 'b2'],
    ['a2', 'b2'],
    ['b2', 'a1'],
    ['b1', 'a2'],
  ] as const)('is passed between flat networks too: from %s to %s', async (from, to) => {
    await expectLed('g', [from, WORLD.pods[from].address], [to, WORLD.pods[to].address]);
    await expect(lab.reach(from, WORLD.pods[to].address, 8081)).resolves.toBeUndefined();
  });

  test('may refuse', async () => {
    for (const [from, to] of WAYS) await expect(lab.reach(from, WORLD.pods[to].address, 8081)).resolves.toBeUndefined();
    await expect(lab.reach('l1', WORLD.pods.l2.address, 8081)).resolves.toBe(`l2 ${WORLD.pods.l1.address}`);
  });

  test('carries pings, datagrams, fragments, and the errors of its own', async () => {
    for (const [from, to] of WAYS) {
      const { address } = WORLD.pods[to];
      await expect(lab.sh(from, `ping -c1 -W1 -s 4000 ${address}`)).resolves.toMatchObject({ code: 0 });
      await lab.send(from, `UDP4:${address}:9000`, `${from} to ${to} ${'.'.repeat(4000)}\n`);
      await expect(lab.received(to, `${from} to ${to}`)).resolves.toBe(true);
      // The service is the second hop on its own node, and the third elsewhere.
      const { stdout } = await lab.sh(from, `for t in 2 3; do ping -c1 -W1 -t$t ${address}; done`);
      const own = from.startsWith('l') ? WORLD.pods.fwl.address : WORLD.pods.fwr.address;
      expect(stdout).toContain(`From ${own} icmp_seq=1 Time to live exceeded`);
    }
    await passed('fw');
  });

  test('speaks for nobody else', async () => {
    // As a pod that is in no network of the chain's, and as one of the network that it sends to.
    for (const [source, to] of [
      ['10.9.9.9', '10.9.2.1'],
      ['10.9.9.9', '10.9.2.2'],
      ['10.9.2.2', '10.9.2.1'],
      ['10.9.2.1', '10.9.2.2'],
    ]) {
      await lab.sh('fw', `ip addr add ${source}/32 dev lo; echo forged | socat -u - UDP4:${to}:9000,bind=${source}`);
      await lab.sh('fw', `ip addr del ${source}/32 dev lo`);
    }
    for (const to of ['r1', 'r2']) await expect(lab.received(to, 'forged')).resolves.toBe(false);
  });

  test('is asked by its policies for nothing that it passes on, nor for the errors about it', async () => {
    const silent = { ...WORLD.pods.fwl, groups: ['silent'] };
    await lab.apply({ ...WORLD, groups: { silent: [] }, pods: { ...WORLD.pods, fwl: silent } });
    for (const from of ['l1', 'l2'] as const) {
      await expect(lab.reach(from, '10.9.2.2')).resolves.toBe(`r2 ${WORLD.pods[from].address}`);
      const { stdout } = await lab.sh(from, 'for t in 2 3; do ping -c1 -W1 -t$t 10.9.2.2; done');
      expect(stdout).toContain(`From ${silent.address} icmp_seq=1 Time to live exceeded`);
    }
    await lab.apply(WORLD);
  });

  test('has the flows between pods elsewhere tracked where these are, and nowhere else', async () => {
    const known = async (node: string): Promise<number> => {
      const { stdout } = await lab.sh(node, 'conntrack -L -p tcp -s 10.9.1.1 -d 10.9.2.1 2>/dev/null | wc -l');
      return Number(stdout);
    };
    await expect(lab.reach('l1', WORLD.pods.r1.address)).resolves.toBe('r1 10.9.1.1');
    await expect(known('n1')).resolves.toBeGreaterThan(0);
    await expect(known('n2')).resolves.toBe(0);
  });

  test('is no way to anybody else', async () => {
    await expect(lab.reach('m1', WORLD.pods.r1.address)).resolves.toBeUndefined();
    await expect(lab.reach('l1', WORLD.pods.a1.address)).resolves.toBeUndefined();
  });
});

describe('networks that a load balanced service joins, too', () => {
  const { l, b } = WORLD.networks;
  const world: TestWorld = {
    ...WORLD,
    networks: {
      ...WORLD.networks,
      l: { ...l, policies: ['half', 'balanced'] },
      b: { ...b, policies: ['half'] },
      s: { id: 7, subnet: '10.96.0.0/12', policies: ['balanced'] },
    },
    policies: { ...WORLD.policies, half: [['l', 'b', through('half')]], balanced: [['self', 's']] },
    chained: { half: { mode: 'in-network', instances: [['hl', 'hb']] } },
    services: {
      web: { vip: '10.96.0.20', network: 's', ports: [{ protocol: 'TCP', port: 80, backends: [['b2', 8080]] }] },
    },
  };

  beforeAll(async () => lab.apply(world));

  test.each([
    ['l1', 'b1'],
    ['l1', 'b2'],
    ['l2', 'b2'],
    ['b1', 'l2'],
    ['b2', 'l1'],
  ] as const)('see each other’s own addresses: %s and %s', async (from, to) => {
    await expectLed('h', [from, WORLD.pods[from].address], [to, WORLD.pods[to].address]);
  });

  test('and reach the service beside the chain, under their nodes’', async () => {
    for (const [from, node] of [
      ['l1', '192.0.2.1'],
      ['l2', '192.0.2.2'],
    ] as const)
      await expect(lab.reach(from, '10.96.0.20', 80)).resolves.toBe(`b2 ${node}`);
    expect(await passed('h')).toEqual([0, 0]);
  });
});

describe('several services', () => {
  const chained = {
    one: { mode: 'in-network', instances: [['fwl', 'fwr']] },
    two: { mode: 'in-network', instances: [['fxl', 'fxr']] },
    three: { mode: 'in-network', instances: [['fyl', 'fyr']] },
  } as const;

  test.each(WAYS)('are passed in a row, each once, from %s to %s', async (from, to) => {
    await lab.apply(between(['one', 'two', 'three'], chained));
    const each = ['fw', 'fx', 'fy'];
    for (const name of each) await passed(name);
    await expect(lab.reach(from, WORLD.pods[to].address)).resolves.toBe(`${to} ${WORLD.pods[from].address}`);
    const counts = [await passed('fw'), await passed('fx'), await passed('fy')];
    expect(new Set(counts.map(String)).size).toBe(1);
    expect(Math.min(...counts.flat())).toBeGreaterThanOrEqual(3);
  });
});

describe('instances', () => {
  const all = [
    ['fwl', 'fwr'],
    ['fxl', 'fxr'],
    ['fyl', 'fyr'],
  ] as const;

  test('share the flows, and each flow has one for both directions', async () => {
    await lab.apply(between(['fw'], { fw: { mode: 'in-network', instances: all } }));
    for (const name of ['fw', 'fx', 'fy']) await passed(name);
    for (let round = 0; round < 5; round += 1)
      for (const [from, to] of WAYS)
        await expect(lab.reach(from, WORLD.pods[to].address)).resolves.toBe(`${to} ${WORLD.pods[from].address}`);
    // A stateful firewall would have called half of a flow invalid.
    for (const name of ['fw', 'fx', 'fy']) expect(Math.min(...(await passed(name)))).toBeGreaterThan(6);
  });

  test('get all of a datagram in fragments, the answer to a short one, too', async () => {
    const questions = { direction: '>', protocol: 'udp', dst_ports: [{ start_port: 7, end_port: 7 }] } as const;
    await lab.apply(between(['fw'], { fw: { mode: 'in-network', instances: all } }, questions));
    for (const to of ['r1', 'r2']) {
      lab.background(to, `socat UDP4-RECVFROM:7,fork SYSTEM:'read asked; head -c 4000 /dev/zero'`);
      while ((await lab.sh(to, "ss -ulnH 'sport = :7'")).stdout === '');
    }
    const asked = Array.from({ length: 6 }, (_, index) => 7200 + index);
    for (const name of ['fw', 'fx', 'fy']) await passed(name);
    for (const from of ['l1', 'l2'])
      for (const to of ['10.9.2.1', '10.9.2.2'])
        for (const port of asked) {
          const line = `echo | timeout 2 socat -T1 - UDP4:${to}:7,sourceport=${port} | wc -c`;
          await expect(lab.sh(from, line)).resolves.toMatchObject({ stdout: '4000\n' });
        }
    for (const name of ['fw', 'fx', 'fy']) expect(Math.min(...(await passed(name)))).toBeGreaterThan(0);
  });

  test('that go leave the flows of others alone', async () => {
    const flows = Array.from({ length: 12 }, (_, index) => 7100 + index);
    await lab.apply(between(['fw'], { fw: { mode: 'in-network', instances: all } }));
    lab.background('r2', 'socat -u TCP4-LISTEN:7000,reuseaddr,fork CREATE:/dev/null');
    for (const port of flows)
      lab.background(
        'l1',
        `sh -c 'while sleep 0.05; do echo tick; done | socat -u - TCP4:10.9.2.2:7000,sourceport=${port},retry=20,interval=0.1'`,
      );
    while ((await received()).filter((bytes) => bytes > 0).length < flows.length);
    await lab.apply(between(['fw'], { fw: { mode: 'in-network', instances: all.slice(1) } }));
    const then = await received();
    while (!(await received()).every((bytes, index) => bytes > (then[index] ?? 0)));
    // While nodes change over one after the other, an instance may see half of a flow.
    await lab.sh('fw', 'nft reset counters');
    await expect(lab.reach('l1', WORLD.pods.r2.address)).resolves.toBe(`r2 ${WORLD.pods.l1.address}`);
    expect(await passed('fw')).toEqual([0, 0]);
  });

  test('that are all gone block the way, or are bypassed', async () => {
    await lab.apply(between(['fw'], { fw: { mode: 'in-network', instances: [] } }));
    for (const [from, to] of WAYS) await expect(lab.reach(from, WORLD.pods[to].address)).resolves.toBeUndefined();
    const refused = await readDrops(inNamespace(`${lab.prefix}-n1`));
    const { address: from } = WORLD.pods.l1;
    expect(refused).toContainEqual(
      expect.objectContaining({ reason: 'chain', from, to: WORLD.pods.r2.address, protocol: 'tcp', port: 8080 }),
    );
    const two = { mode: 'in-network', instances: [['fxl', 'fxr']] } as const;
    await lab.apply(between(['fw', 'two'], { fw: { mode: 'in-network', instances: [], isBypassed: true }, two }));
    await passed('fx');
    for (const [from, to] of WAYS)
      await expect(lab.reach(from, WORLD.pods[to].address)).resolves.toBe(`${to} ${WORLD.pods[from].address}`);
    expect(Math.min(...(await passed('fx')))).toBeGreaterThan(20);
    await lab.apply(between(['fw'], { fw: { mode: 'in-network', instances: [], isBypassed: true } }));
    for (const [from, to] of WAYS) await expect(lab.reach(from, WORLD.pods[to].address)).resolves.toContain(to);
  });
});

describe('a chain for some traffic', () => {
  test('carries what its rule says, in the direction that it says', async () => {
    const ports = { direction: '>', protocol: 'tcp', dst_ports: [{ start_port: 8080, end_port: 8080 }] } as const;
    await lab.apply(between(['fw'], { fw: WORLD.chained.fw }, ports));
    await expect(lab.reach('l1', WORLD.pods.r2.address)).resolves.toBe(`r2 ${WORLD.pods.l1.address}`);
    await expect(lab.reach('r2', WORLD.pods.l1.address)).resolves.toBeUndefined();
    await expect(lab.sh('l1', `ping -c1 -W1 ${WORLD.pods.r2.address}`)).resolves.not.toMatchObject({ code: 0 });
  });
});

describe('a service that translates', () => {
  test('is seen by the other side as itself', async () => {
    await lab.apply(between(['nat'], { nat: { mode: 'in-network-nat', instances: [['fxl', 'fxr']] } }));
    await lab.sh(
      'fx',
      `nft -f - <<'END'
table inet nat { chain post { type nat hook postrouting priority 100
 oifname "right" masquerade
 }
}
END`,
    );
    for (const [from, to] of [
      ['l1', 'r1'],
      ['l1', 'r2'],
      ['l2', 'r1'],
      ['l2', 'r2'],
    ] as const) {
      await passed('fx');
      await expect(lab.reach(from, WORLD.pods[to].address)).resolves.toBe(`${to} ${WORLD.pods.fxr.address}`);
      await expect(lab.reach(from, WORLD.pods[to].address6)).resolves.toBe(`${to} ${WORLD.pods.fxr.address6}`);
      expect(Math.min(...(await passed('fx')))).toBeGreaterThanOrEqual(6);
    }
    await expect(lab.reach('r1', WORLD.pods.l1.address)).resolves.toBeUndefined();
  });
});

/** What each stream to port 7000 has brought so far. */
async function received(): Promise<readonly number[]> {
  const { stdout } = await lab.sh('r2', "ss -tinHO state established '( sport = :7000 )'");
  return [...stdout.matchAll(/:(71\d\d)\s.*?bytes_received:(\d+)/g)]
    .sort(([, a = ''], [, b = '']) => (a < b ? -1 : 1))
    .map(([, , bytes]) => Number(bytes));
}
