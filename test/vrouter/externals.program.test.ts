/** Networks outside at another interface of nodes, by two vRouters with a config API: who has the interface says so, and who has lost it. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { holderOf } from '../../contrail/rendezvous.ts';
import type { TestWorld } from './config.ts';
import { createProgramLab, type ProgramLab } from './lab/programs.ts';

jest.setTimeout(120_000);

const NODES = { n1: '192.0.2.1', n2: '192.0.2.2' } as const;
type Node = keyof typeof NODES;
const [ROUTER, ADDRESS] = ['203.0.113.9', '203.0.113.210'] as const;
const WORLD: TestWorld = {
  nodes: NODES,
  networks: {
    'ip-fabric': { id: 1, policies: ['fabric'] },
    s: { id: 7, subnet: '10.96.0.0/12', policies: ['fabric'] },
  },
  policies: { fabric: [['self', 'ip-fabric']] },
  services: {
    web: {
      vip: '10.96.0.10',
      network: 's',
      floating: [ADDRESS],
      ports: [{ protocol: 'TCP', port: 80, backends: [['192.0.2.9', 6443]] }],
    },
  },
  externals: { public: { id: 300, interface: 'eth1', subnets: [['203.0.113.0/24', ROUTER]], nodes: [] } },
};

/** The node that all choose where both have the interface. */
const CHOSEN: Node = holderOf(ADDRESS, Object.values(NODES)) === NODES.n1 ? 'n1' : 'n2';

let rig: ProgramLab;

beforeAll(async () => {
  rig = await createProgramLab('vxp', WORLD);
  await rig.lab.addOutside('ext', '192.0.2.200');
  await rig.lab.attach('ext', 'eth1', [`${ROUTER}/24`]);
  rig.lab.serve('out', 6443);
  while ((await rig.lab.reach('out', '127.0.0.1', 6443)) === undefined);
});

afterAll(async () => rig.down());

/** Who has the address, by whose MAC answers for it; waits until somebody does that is not `but`. */
async function holder(but?: Node): Promise<Node> {
  for (let tries = 0; tries < 200; tries += 1) {
    await rig.lab.sh('ext', `ip neigh flush to ${ADDRESS}; ping -c1 -W0.2 ${ADDRESS}`);
    const { stdout } = await rig.lab.sh('ext', `ip neigh show to ${ADDRESS}`);
    for (const node of ['n1', 'n2'] as const) {
      const mac = (await rig.lab.sh(node, 'cat /sys/class/net/eth1/address')).stdout.trim();
      if (node !== but && mac !== '' && stdout.includes(mac)) return node;
    }
    await sleep(50);
  }
  throw new Error('nobody answers for the address');
}

async function answered(): Promise<string | undefined> {
  await rig.lab.sh('ext', `ip neigh flush to ${ADDRESS}`);
  return await rig.lab.reach('ext', ADDRESS, 80);
}

async function until(is: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await is()); tries += 1) {
    if (tries > 200) throw new Error('it never came about');
    await sleep(50);
  }
}

test('nobody answers where no node has the interface', async () => {
  await expect(answered()).resolves.toBeUndefined();
});

test('the chosen node answers once the interface has come, and another one when it has gone down', async () => {
  for (const node of ['n1', 'n2'] as const) await rig.lab.attach(node, 'eth1');
  await until(async () => (await holder()) === CHOSEN);
  await until(async () => (await answered()) !== undefined);
  await rig.lab.sh(CHOSEN, 'ip link set eth1 down');
  await holder(CHOSEN);
  await until(async () => (await answered()) !== undefined);
  await rig.lab.sh(CHOSEN, 'ip link set eth1 up');
  await until(async () => (await holder()) === CHOSEN);
  await until(async () => (await answered()) !== undefined);
});

test('a node that dies is followed by the other one, although it still says that it has the interface', async () => {
  await rig.killVrouter(CHOSEN);
  await rig.lab.sh(CHOSEN, 'ip link set eth1 down');
  await holder(CHOSEN);
  await until(async () => (await answered()) !== undefined);
  await rig.lab.sh(CHOSEN, 'ip link set eth1 up');
  rig.startVrouter(CHOSEN);
  await rig.untilAnswers(CHOSEN, '/readyz');
  await until(async () => (await holder()) === CHOSEN);
  await until(async () => (await answered()) !== undefined);
});

test('an interface that is made anew while a program runs is served again', async () => {
  await rig.lab.sh(CHOSEN, 'ip link del eth1');
  await rig.lab.attach(CHOSEN, 'eth1');
  await until(async () => (await holder()) === CHOSEN);
  await until(async () => (await answered()) !== undefined);
});
