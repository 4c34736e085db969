/** Contrail's firewall policies by packets between two nodes: tags, networks, blocks and their order, beside security groups. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestPod, TestWorld } from './config.ts';
import { createLab } from './lab/nodes.ts';
import type { Lab } from './lab/nodes.ts';
import { receives, sends } from './policy-rules.ts';

jest.setTimeout(60_000);

const pod = (address: string, node: string, tags: readonly string[], groups: readonly string[] = []): TestPod => ({
  network: 'c',
  address,
  node,
  tags,
  groups,
});
const SHOP = 'application=shop';

const WORLD = {
  nodes: { n1: '192.0.2.1', n2: '192.0.2.2' },
  networks: {
    'ip-fabric': { id: 1, policies: ['fabric'] },
    c: { id: 5, subnet: '10.32.0.0/12', policies: ['fabric'] },
  },
  policies: { fabric: [['self', 'ip-fabric']] },
  groups: {
    'only-8080': [...receives({ peer: 'all', protocol: 'tcp', ports: [8080, 8080] }), ...sends({ peer: 'all' })],
  },
  firewall: {
    sets: { shop: ['exceptions', 'rules'] },
    policies: {
      exceptions: [
        { from: 'tier=web label=banned', to: 'any', action: 'deny' },
        { from: 'any', to: '192.0.2.2/32', action: 'pass', protocol: 'tcp', ports: [6443, 6443] },
        { from: '10.32.0.6/32', to: 'tier=db', action: 'deny', protocol: 'tcp', ports: [8081, 8081] },
      ],
      rules: [
        { from: 'tier=web', to: 'tier=db', action: 'pass', protocol: 'tcp', ports: [8080, 8082], alike: ['site'] },
        { from: 'any', to: 'tier=web', action: 'pass', protocol: 'tcp', ports: [8080, 8080] },
      ],
    },
  },
  pods: {
    web: pod('10.32.0.1', 'n1', [SHOP, 'tier=web', 'site=paris']),
    db: pod('10.32.0.2', 'n1', [SHOP, 'tier=db', 'site=paris']),
    far: pod('10.32.0.3', 'n2', [SHOP, 'tier=web', 'site=paris']),
    banned: pod('10.32.0.4', 'n2', [SHOP, 'tier=web', 'site=paris', 'label=banned']),
    london: pod('10.32.0.5', 'n2', [SHOP, 'tier=web', 'site=london']),
    excepted: pod('10.32.0.6', 'n2', [SHOP, 'tier=web', 'site=paris']),
    guarded: pod('10.32.0.7', 'n1', [SHOP, 'tier=db', 'site=paris'], ['only-8080']),
    stranger: pod('10.32.0.8', 'n2', []),
    other: pod('10.32.0.9', 'n2', []),
  },
} as const satisfies TestWorld;

let lab: Lab;

beforeAll(async () => {
  lab = await createLab('vf', WORLD.nodes);
  for (const name of Object.keys(WORLD.pods)) {
    await lab.addPod(name, WORLD);
    for (const port of [8080, 8081]) lab.serve(name, port);
  }
  for (const machine of ['n1', 'n2']) lab.serve(machine, 6443);
  await lab.apply(WORLD);
  for (const name of Object.keys(WORLD.pods)) while ((await lab.reach(name, '127.0.0.1', 8081)) === undefined);
});

afterAll(async () => lab.down());

type Row = readonly [from: string, to: string, port: number, why: string];
const address = (name: string): string =>
  name in WORLD.pods ? WORLD.pods[name as keyof typeof WORLD.pods].address : name;

describe('what firewall policies let pass, passes', () => {
  test.each<Row>([
    ['web', 'db', 8080, 'tags on one node'],
    ['far', 'db', 8081, 'tags across nodes'],
    ['stranger', 'web', 8080, 'somebody without tags, where anybody may'],
    ['excepted', 'db', 8080, 'at a port that the exception does not name'],
    ['web', '192.0.2.2', 6443, 'a machine'],
    ['stranger', 'other', 8081, 'where no set is for either end'],
    ['web', 'guarded', 8080, 'what security groups allow, too'],
    ['n1', 'db', 8081, 'the node to a pod that it hosts'],
  ])('%s reaches %s at %i: %s', async (from, to, port) => {
    await expect(lab.reach(from, address(to), port)).resolves.toBeDefined();
  });
});

describe('what they deny, or do not speak of, does not', () => {
  test.each<Row>([
    ['banned', 'db', 8080, 'the first rule decides'],
    ['excepted', 'db', 8081, 'a block comes before tags of the same pod'],
    ['london', 'db', 8080, 'tags that have to be alike are not'],
    ['stranger', 'db', 8080, 'no rule speaks of it'],
    ['db', 'web', 8081, 'no rule speaks of the port'],
    ['web', 'stranger', 8080, 'no rule at the source speaks of the target'],
    ['web', 'guarded', 8081, 'what security groups do not allow'],
    ['web', '192.0.2.1', 22, 'another machine'],
  ])('%s does not reach %s at %i: %s', async (from, to, port) => {
    await expect(lab.reach(from, address(to), port)).resolves.toBeUndefined();
  });

  test('a connection ends when a tag is taken away that let it pass', async () => {
    const dropped = async (): Promise<number> => {
      const { stdout } = await lab.sh('n1', 'nft list counter inet opencontrail denied_ingress');
      return Number(/packets (\d+)/.exec(stdout)?.[1]);
    };
    lab.background('db', 'socat -u TCP4-LISTEN:8082,reuseaddr OPEN:/dev/null');
    await sleep(500);
    lab.background('far', "sh -c 'while :; do echo x; sleep 0.05; done | socat -u - TCP4:10.32.0.2:8082'");
    await sleep(500);
    const before = await dropped();
    const { far } = WORLD.pods;
    await lab.apply({ ...WORLD, pods: { ...WORLD.pods, far: { ...far, tags: ['tier=web'] } } });
    await sleep(500);
    expect(await dropped()).toBeGreaterThan(before);
    await lab.apply(WORLD);
  });
});
