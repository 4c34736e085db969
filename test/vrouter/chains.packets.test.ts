/** Service chains by packets, between nodes made of network namespaces: every stretch of the way is counted, in both directions. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { type TestWorld, through } from './config.ts';
import { createLab, type Lab } from './lab/nodes.ts';

jest.setTimeout(60_000);

const pod = (network: string, address: string, node: string) => ({ network, address, node });
const LEFT = '10.9.1.0/24';
const RIGHT = '10.9.2.0/24';
const WORLD = {
  nodes: { n1: '192.0.2.1', n2: '192.0.2.2' },
  networks: {
    'ip-fabric': { id: 1 },
    l: { id: 100, overlapping: true, subnet: LEFT, policies: ['chain'] },
    r: { id: 101, overlapping: true, subnet: RIGHT, policies: ['chain'] },
  },
  policies: { chain: [['l', 'r', through('fw')]] },
  pods: {
    l1: pod('l', '10.9.1.1', 'n1'),
    l2: pod('l', '10.9.1.2', 'n2'),
    r1: pod('r', '10.9.2.1', 'n1'),
    r2: pod('r', '10.9.2.2', 'n2'),
    fwl: { ...pod('l', '10.9.1.11', 'n2'), of: ['fw', 'left'] },
    fwr: { ...pod('r', '10.9.2.11', 'n2'), of: ['fw', 'right'] },
  },
  chained: { fw: { mode: 'in-network', instances: [['fwl', 'fwr']] } },
} as const satisfies TestWorld;

let lab: Lab;

beforeAll(async () => {
  lab = await createLab('vc', WORLD.nodes);
  for (const name of Object.keys(WORLD.pods)) await lab.addPod(name, WORLD);
  await route('fw');
  await lab.apply(WORLD);
  for (const each of ['l1', 'l2', 'r1', 'r2']) {
    lab.serve(each, 8080);
    while ((await lab.reach(each, '127.0.0.1')) === undefined);
  }
});

afterAll(async () => lab.down());

/** Makes a pod a router between its interfaces that counts what it forwards, and drops TCP port 8081. */
async function route(name: string): Promise<void> {
  const { code, stderr } = await lab.sh(
    name,
    `set -e
     sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.left.rp_filter=0 net.ipv4.conf.right.rp_filter=0
     ip route add ${LEFT} via 169.254.1.1 dev left onlink
     ip route add ${RIGHT} via 169.254.1.1 dev right onlink
     nft -f - <<'END'
table inet fw {
  counter forth { }
  counter back { }
  chain pass {
    type filter hook forward priority 0; policy accept;
    tcp dport 8081 drop
    iifname "left" oifname "right" counter name forth
    iifname "right" oifname "left" counter name back
  }
}
END`,
  );
  if (code !== 0) throw new Error(stderr);
}

async function passed(name: string): Promise<readonly [forth: number, back: number]> {
  const { stdout } = await lab.sh(name, 'nft list counters; nft reset counters >/dev/null');
  const of = (counter: string): number =>
    Number(new RegExp(`counter ${counter} \\{\\s+packets (\\d+)`).exec(stdout)?.[1] ?? -1);
  return [of('forth'), of('back')];
}

describe('a routed service', () => {
  test.each([
    ['l1', 'r1'],
    ['l1', 'r2'],
    ['l2', 'r1'],
    ['l2', 'r2'],
    ['r1', 'l1'],
    ['r1', 'l2'],
    ['r2', 'l1'],
    ['r2', 'l2'],
  ] as const)('is passed from %s to %s, and back', async (from, to) => {
    await passed('fw');
    await expect(lab.reach(from, WORLD.pods[to].address)).resolves.toBe(`${to} ${WORLD.pods[from].address}`);
    const [forth, back] = await passed('fw');
    expect(forth).toBeGreaterThanOrEqual(3);
    expect(back).toBeGreaterThanOrEqual(3);
  });
});
