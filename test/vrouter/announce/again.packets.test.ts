/** A node that takes an address tells the neighbourhood twice, since who had it before may have told of it after the first time. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { createLogger } from '../../../runtime/log.ts';
import { type Announcer, createAnnouncer } from '../../../vrouter/announce/announcer.ts';
import { eventually } from '../../kubernetes/eventually.ts';
import { createLab, inNamespace, type Lab } from '../lab/nodes.ts';

jest.setTimeout(60_000);

const [NODE, OUTSIDE, ADDRESS, FURTHER] = ['192.0.2.1', '192.0.2.9', '192.0.2.200', '192.0.2.201'] as const;
/** Whoever else may have an address. */
const OTHER = '02:00:00:00:99:99';
/** The node's address here as well, where its heartbeats are. */
const OWN = '127.0.0.21';
const WORLD = { nodes: { n1: NODE }, networks: { 'ip-fabric': { id: 1 } } } as const;

let lab: Lab;
let announcer: Announcer;

beforeAll(async () => {
  lab = await createLab('vya', WORLD.nodes);
  await lab.addOutside('out', OUTSIDE);
  await lab.apply(WORLD);
  await lab.sh('n1', `ip addr add ${OWN}/32 dev eth0`);
  announcer = createAnnouncer({
    run: inNamespace(`${lab.prefix}-n1`),
    device: 'ocvx0',
    port: 29_094,
    log: createLogger('test', 'silent'),
    onDead: () => undefined,
    onUnwell: () => undefined,
  });
});
afterAll(async () => {
  await announcer.close();
  await lab.down();
});

test('a neighbour that was told of another holder meanwhile finds it', async () => {
  await mislead(ADDRESS);
  hold(ADDRESS);
  await eventually(async () => (await lab.sh('n1', 'ip neigh show proxy')).stdout.includes(ADDRESS));
  await mislead(ADDRESS);
  expect(await holderOf(ADDRESS)).toBe(OTHER);
  await eventually(async () => (await holderOf(ADDRESS)) === (await macOfNode()));
});

test('what is taken later is told alone', async () => {
  await toldOf(ADDRESS);
  hold(ADDRESS, FURTHER);
  await eventually(async () => (await lab.sh('n1', 'ip neigh show proxy')).stdout.includes(FURTHER));
  await mislead(FURTHER);
  await eventually(async () => (await holderOf(FURTHER)) === (await macOfNode()));
  expect(await holderOf(ADDRESS)).toBe(OTHER);
});

function hold(...addresses: readonly string[]): void {
  const announcements = addresses.map((address) => ({ address, nodes: [OWN] }));
  announcer.set({ address: OWN, peers: [], announcements });
}

/** Waits until the node has nothing more to tell of an address, and leaves the neighbour misled. */
async function toldOf(address: string): Promise<void> {
  do {
    await mislead(address);
    await sleep(2500);
  } while ((await holderOf(address)) !== OTHER);
}

async function mislead(address: string): Promise<void> {
  await lab.sh('out', `ip neigh replace ${address} lladdr ${OTHER} dev eth0 nud reachable`);
}

async function holderOf(address: string): Promise<string | undefined> {
  return / lladdr (\S+) /.exec((await lab.sh('out', `ip neigh show ${address}`)).stdout)?.[1];
}

async function macOfNode(): Promise<string | undefined> {
  return / ([0-9a-f:]{17}) /.exec((await lab.sh('n1', 'ip -br link show dev eth0')).stdout)?.[1];
}
