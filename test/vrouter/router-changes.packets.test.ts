/** A router whose addresses come and go, by packets, between two nodes made of network namespaces and a machine outside. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestWorld } from './config.ts';
import { answering } from './lab/answering.ts';
import { createLab, type Lab } from './lab/nodes.ts';

jest.setTimeout(60_000);

const OUTSIDE = '192.0.2.9';
/** Behind the machine outside, as an address of the Internet is. */
const FAR = '198.51.100.9';
const NODES = { n1: '192.0.2.1', n2: '192.0.2.2' } as const;
const PODS = Array.from({ length: 6 }, (_, at) => `r${at + 1}`);
const WORLD: TestWorld = {
  nodes: NODES,
  networks: {
    'ip-fabric': { id: 1, policies: ['fabric'] },
    r: { id: 5, subnet: '10.32.0.0/12', policies: ['fabric'], snat: true },
  },
  policies: { fabric: [['self', 'ip-fabric']] },
  pods: Object.fromEntries(
    PODS.map((name, at) => [name, { network: 'r', address: `10.32.0.${at + 1}`, node: at % 2 === 0 ? 'n1' : 'n2' }]),
  ),
};
const [FIRST, ONE, TWO, THREE] = ['192.0.2.210', '192.0.2.220', '192.0.2.221', '192.0.2.222'] as const;

let lab: Lab;

beforeAll(async () => {
  lab = await createLab('rc', NODES);
  await lab.addOutside('out', OUTSIDE);
  await lab.sh('out', `ip addr add ${FAR}/32 dev lo`);
  for (const node of Object.keys(NODES)) await lab.sh(node, `ip route add default via ${OUTSIDE}`);
  for (const name of PODS) await lab.addPod(name, WORLD);
  await withAddresses([ONE, TWO]);
  lab.background('out', 'socat -u TCP4-LISTEN:6445,reuseaddr,fork CREATE:/dev/null');
  while ((await lab.sh('out', "ss -tlnH 'sport = :6445'")).stdout === '') await sleep(20);
  for (const each of PODS)
    lab.background(each, `sh -c 'while sleep 0.1; do echo tick; done | socat -u - TCP4:${FAR}:6445'`);
  while ((await streams()).size < PODS.length) await sleep(50);
});

afterAll(async () => lab.down());

test('streams go on when addresses are added and taken away; those of one that is taken away end', async () => {
  const before = await streams();
  expect(new Set([...before.keys()].map(addressOf))).toEqual(new Set([ONE, TWO]));
  for (const others of [[THREE], [FIRST], [FIRST, THREE], []]) {
    await withAddresses([...others, ONE, TWO]);
    await goOn(before);
  }
  await withAddresses([TWO]);
  const then = await streams();
  await goOn(new Map([...before].filter(([stream]) => addressOf(stream) === TWO)));
  for (const [stream, bytes] of await streams()) if (addressOf(stream) === ONE) expect(bytes).toBe(then.get(stream));
});

async function withAddresses(addresses: readonly string[]): Promise<void> {
  const world = { ...WORLD, routers: { egress: { networks: ['r'], addresses } } };
  await lab.apply(world);
  await answering(lab, world, { nodes: NODES });
}

/** What each stream that the machine outside sees, by its address and port there, has brought so far. */
async function streams(): Promise<ReadonlyMap<string, number>> {
  const { stdout } = await lab.sh('out', "ss -tinHO state established '( sport = :6445 )'");
  const found = stdout.matchAll(/:6445\s+(\S+)\s.*bytes_received:(\d+)/g);
  return new Map([...found].map(([, stream = '', bytes]) => [stream, Number(bytes)]));
}

function addressOf(stream: string): string {
  return stream.replace(/^\[::ffff:/, '').split(/[\]:]/)[0] ?? '';
}

/** All of these have brought more, under their addresses, than they have by now. */
async function goOn(meant: ReadonlyMap<string, number>): Promise<void> {
  const then = await streams();
  for (let tries = 0; tries < 100; tries += 1) {
    const now = await streams();
    if ([...meant.keys()].every((stream) => (now.get(stream) ?? 0) > (then.get(stream) ?? 0))) return;
    await sleep(50);
  }
  const now = await streams();
  throw new Error(
    `no more comes: ${JSON.stringify([...meant.keys()].map((each) => [each, then.get(each), now.get(each)]))}`,
  );
}
