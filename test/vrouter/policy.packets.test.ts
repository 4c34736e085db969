/** Security groups by packets between two nodes: both directions, both ends, groups and blocks, services, and a change of mind. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PolicyRule } from '../../contrail/objects.ts';
import { readDrops, readHits } from '../../vrouter/apply/noted.ts';
import { compile } from '../../vrouter/compile/compile.ts';
import { DROP_LISTINGS } from '../../vrouter/linux/drops.ts';
import { HIT_LISTINGS } from '../../vrouter/linux/hits.ts';
import type { KernelDocument } from '../../vrouter/linux/document.ts';
import { dropsOf } from '../../vrouter/explain/drops.ts';
import { createHits } from '../../vrouter/explain/hits.ts';
import { groupName, type TestPod, type TestWorld, worldObjects } from './config.ts';
import { isExplained } from './explained.ts';
import { createLab, inNamespace } from './lab/nodes.ts';
import type { Lab } from './lab/nodes.ts';
import { receives, sends } from './policy-rules.ts';

jest.setTimeout(60_000);

const FLAT = '10.32.0.0/12';
const pod = (network: string, address: string, node: string, groups: readonly string[] = []): TestPod => ({
  network,
  address,
  node,
  groups,
});

/** The same in another table. */
const anew = (document: KernelDocument): KernelDocument => ({
  ...document,
  skeleton: `${document.skeleton}\ncounter anew { }`,
});

const numbered =
  (rule: string) =>
  (each: PolicyRule): PolicyRule => ({ ...each, rule_uuid: rule });

const WORLD = {
  nodes: { n1: '192.0.2.1', n2: '192.0.2.2' },
  networks: {
    'ip-fabric': { id: 1, policies: ['fabric'] },
    c: { id: 5, subnet: FLAT, policies: ['fabric', 'services', 'friends'] },
    h: { id: 6, subnet: FLAT, policies: ['friends'] },
    s: { id: 7, subnet: '10.96.0.0/12', policies: ['services'] },
    o: { id: 103, overlapping: true, subnet: '10.9.0.0/24' },
    q: { id: 104, overlapping: true, subnet: '10.9.0.0/24' },
  },
  policies: { fabric: [['self', 'ip-fabric']], services: [['self', 's']], friends: [['c', 'h']] },
  groups: {
    open: [...receives({ peer: 'all' }), ...sends({ peer: 'all' })],
    friends: [],
    'no-ingress': sends({ peer: 'all' }),
    web: [
      ...receives({ peer: 'friends', protocol: 'tcp', ports: [8080, 8080] }).map(numbered('web-by-friends')),
      ...receives({ peer: '10.32.0.4/32', protocol: 'tcp', ports: [8000, 8100] }).map(numbered('web-by-block')),
      ...sends({ peer: 'all' }),
    ],
    range: [...receives({ peer: 'friends', protocol: 'tcp', ports: [8081, 8089] }), ...sends({ peer: 'all' })],
    sctp: [...receives({ peer: 'all', protocol: 'sctp' }), ...sends({ peer: 'all' })],
    shy: [
      ...receives({ peer: 'all' }),
      ...sends({ peer: 'friends', protocol: 'tcp', ports: [8080, 8080] }),
      ...sends({ peer: '192.0.2.2/32', protocol: 'tcp' }),
    ],
    closed: receives({ peer: 'all' }),
    'own-only': [...receives({ peer: 'friends' }), ...sends({ peer: 'all' })],
  },
  pods: {
    web: pod('c', '10.32.0.1', 'n1', ['web']),
    near: pod('c', '10.32.0.2', 'n1', ['open', 'friends']),
    far: pod('c', '10.32.0.3', 'n2', ['open', 'friends']),
    block: pod('c', '10.32.0.4', 'n2', ['open']),
    other: pod('c', '10.32.0.5', 'n2', ['open']),
    free: pod('c', '10.32.0.6', 'n1'),
    shy: pod('c', '10.32.0.7', 'n2', ['shy']),
    closed: pod('c', '10.32.0.8', 'n1', ['closed']),
    range: pod('c', '10.32.0.9', 'n2', ['range', 'web']),
    sctp: pod('c', '10.32.0.10', 'n1', ['sctp']),
    friend: pod('h', '10.32.0.21', 'n2', ['open', 'friends']),
    neighbour: pod('h', '10.32.0.22', 'n1', ['open', 'friends']),
    o1: pod('o', '10.9.0.1', 'n1', ['own-only']),
    o2: pod('o', '10.9.0.2', 'n2', ['open', 'friends']),
    o3: pod('o', '10.9.0.3', 'n2', ['open']),
    q1: pod('q', '10.9.0.1', 'n1', ['no-ingress']),
    q2: pod('q', '10.9.0.2', 'n2', ['open', 'friends']),
  },
  services: {
    web: { vip: '10.96.0.10', network: 's', ports: [{ protocol: 'TCP', port: 80, backends: [['web', 8080]] }] },
    self: { vip: '10.96.0.11', network: 's', ports: [{ protocol: 'TCP', port: 80, backends: [['closed', 8080]] }] },
    other: { vip: '10.96.0.12', network: 's', ports: [{ protocol: 'TCP', port: 80, backends: [['other', 8080]] }] },
  },
} as const satisfies TestWorld;

let lab: Lab;

beforeAll(async () => {
  lab = await createLab('vg', WORLD.nodes);
  for (const name of Object.keys(WORLD.pods)) {
    await lab.addPod(name, WORLD);
    for (const port of [8080, 8081, 8082]) lab.serve(name, port);
  }
  for (const machine of ['n1', 'n2']) lab.serve(machine, 6443);
  await lab.apply(WORLD);
  for (const name of Object.keys(WORLD.pods)) {
    while ((await lab.reach(name, '127.0.0.1', 8082)) === undefined);
  }
});

afterAll(async () => lab.down());

type Row = readonly [from: string, to: string, port: number, why: string];
const address = (name: string): string =>
  name in WORLD.pods ? WORLD.pods[name as keyof typeof WORLD.pods].address : name;

describe('what groups allow, passes', () => {
  test.each<Row>([
    ['near', 'web', 8080, 'a member of the group, on one node'],
    ['far', 'web', 8080, 'a member of the group, across nodes'],
    ['friend', 'web', 8080, 'a member of another network, across nodes'],
    ['neighbour', 'web', 8080, 'a member of another network, on one node'],
    ['block', 'web', 8080, 'a block'],
    ['block', 'web', 8081, 'a block, at another port of its range'],
    ['near', 'range', 8081, 'a range of ports'],
    ['near', 'range', 8080, 'groups add to each other'],
    ['web', 'other', 8080, 'what is restricted in one direction only'],
    ['other', 'free', 8080, 'a port without groups'],
    ['n1', 'web', 8081, 'the node to a pod that it hosts'],
    ['n1', 'sctp', 8081, 'the node to a pod that receives nothing else'],
    ['shy', 'far', 8080, 'a member as the target'],
    ['shy', 'near', 8080, 'a member as the target, across nodes'],
    ['shy', '192.0.2.2', 6443, 'its own node'],
    ['closed', '192.0.2.1', 6443, 'its own node, which may always be spoken with'],
    ['far', '10.96.0.10', 80, 'a service, by its back end'],
    ['closed', '10.96.0.11', 80, 'itself through its service'],
    ['o2', 'o1', 8080, 'a member in an overlapping network'],
  ])('%s reaches %s at %i: %s', async (from, to, port) => {
    await expect(lab.reach(from, address(to), port)).resolves.toBeDefined();
    expect(isExplained(WORLD, from, [address(to), port])).toBe(true);
  });
});

describe('what no group allows, does not', () => {
  test.each<Row>([
    ['other', 'web', 8080, 'no member'],
    ['free', 'web', 8080, 'no member, on one node'],
    ['near', 'web', 8081, 'another port'],
    ['n2', 'web', 8080, 'a node that does not host the pod'],
    ['near', 'range', 8082 + 8, 'beyond the range'],
    ['near', 'sctp', 8080, 'TCP where SCTP is allowed'],
    ['other', '10.96.0.10', 80, 'through a service'],
    ['shy', 'other', 8080, 'no member as the target'],
    ['shy', 'far', 8081, 'another port of a member'],
    ['shy', '192.0.2.1', 6443, 'another node than the block'],
    ['shy', '10.96.0.12', 80, 'through a service, by its back end'],
    ['closed', 'other', 8080, 'nothing may be sent'],
    ['closed', 'near', 8080, 'nothing may be sent on one node'],
    ['closed', '192.0.2.2', 6443, 'another node'],
    ['o3', 'o1', 8080, 'no member in an overlapping network'],
    ['q2', 'q1', 8080, 'a member of a group that is not asked about, at the same addresses'],
  ])('%s does not reach %s at %i: %s', async (from, to, port) => {
    await expect(lab.reach(from, address(to), port)).resolves.toBeUndefined();
    expect(isExplained(WORLD, from, [address(to), port])).toBe(false);
  });

  test('an established connection ends when its group is taken away, and a new one starts when it is given again', async () => {
    const dropped = async (): Promise<number> => {
      const { stdout } = await lab.sh('n2', 'nft list counter inet opencontrail denied_ingress');
      return Number(/packets (\d+)/.exec(stdout)?.[1]);
    };
    lab.background('range', 'socat -u TCP4-LISTEN:8085,fork,reuseaddr OPEN:/dev/null');
    await sleep(500);
    lab.background('near', "sh -c 'while :; do echo x; sleep 0.05; done | socat -u - TCP4:10.32.0.9:8085'");
    await sleep(500);
    const before = await dropped();
    await lab.apply({ ...WORLD, pods: { ...WORLD.pods, near: pod('c', '10.32.0.2', 'n1', ['open']) } });
    await sleep(500);
    expect(await dropped()).toBeGreaterThan(before);
    await expect(lab.reach('near', '10.32.0.9', 8081)).resolves.toBeUndefined();
    await lab.apply(WORLD);
    await expect(lab.reach('near', '10.32.0.9', 8081)).resolves.toBeDefined();
  });

  test('what is refused is noted once, with both ends, the reason and the groups', async () => {
    const sets = DROP_LISTINGS.map((set) => `nft flush set inet opencontrail ${set}`);
    await lab.sh('n1', sets.join('; '));
    for (let tries = 0; tries < 2; tries += 1) await lab.reach('other', '10.32.0.1', 8081);
    await lab.reach('closed', '10.32.0.5');
    await lab.reach('near', '10.9.0.9');
    await lab.sh('free', 'busybox ping -c 2 -i 0.2 -W 1 10.32.0.1');
    const noted = dropsOf(
      await readDrops(inNamespace(`${lab.prefix}-n1`)),
      compile({ objects: worldObjects(WORLD) }, 'n1'),
    );
    const c = groupName('c');
    const drop = (from: string, to: object, rest: object) =>
      expect.objectContaining({ from: { address: from, network: c }, to, ...rest });
    const pods = noted.filter(({ from }) => from.network === c);
    expect(pods).toHaveLength(4);
    const web = { address: '10.32.0.1', network: c };
    const byWeb = { reason: 'ingress', groups: [groupName('web')] };
    expect(pods).toContainEqual(drop('10.32.0.5', web, { ...byWeb, protocol: 'tcp', port: 8081 }));
    expect(pods).toContainEqual(drop('10.32.0.6', web, { ...byWeb, protocol: 'icmp', packets: 2 }));
    const byClosed = { reason: 'egress', groups: [groupName('closed')], protocol: 'tcp', port: 8080 };
    expect(pods).toContainEqual(drop('10.32.0.8', { address: '10.32.0.5', network: c }, byClosed));
    const unpaired = { reason: 'network', groups: [], protocol: 'tcp', port: 8080 };
    expect(pods).toContainEqual(drop('10.32.0.2', { address: '10.9.0.9' }, unpaired));
    expect(Math.max(...pods.map(({ secondsAgo }) => secondsAgo))).toBeLessThan(20);
  });

  test('rules count connections, not packets; what no rule allows counts for the groups', async () => {
    const node = inNamespace(`${lab.prefix}-n1`);
    const state = compile({ objects: worldObjects(WORLD) }, 'n1');
    const hits = createHits();
    const look = async () => hits.add({ hits: (await readHits(node)).hits, drops: await readDrops(node) }, state);
    const sets = [...DROP_LISTINGS, ...HIT_LISTINGS].map((set) => `nft flush set inet opencontrail ${set}`);
    await lab.sh('n1', sets.join('; '));
    for (let tries = 0; tries < 3; tries += 1) await lab.reach('near', '10.32.0.1', 8080);
    await lab.reach('far', '10.96.0.10', 80);
    await look();
    await lab.reach('block', '10.32.0.1', 8081);
    await lab.reach('friend', '10.32.0.1', 8080);
    await lab.reach('other', '10.32.0.1', 8080);
    await look();
    const counted = hits.list().filter(({ by }) => by === groupName('web'));
    const web = { direction: 'ingress', tier: 'groups', by: groupName('web') };
    expect(counted).toHaveLength(3);
    expect(counted).toContainEqual({ ...web, rule: 'web-by-friends', allowed: 5, refused: 0 });
    expect(counted).toContainEqual({ ...web, rule: 'web-by-block', allowed: 1, refused: 0 });
    expect(counted).toContainEqual({ ...web, allowed: 0, refused: expect.any(Number) });
    // Datagrams that nobody answers are one connection too; the node's own flows are not judged.
    const five = 'for i in 1 2 3 4 5; do echo x; sleep 0.1; done';
    await lab.sh('o2', `(${five}) | socat -u - UDP4-SENDTO:10.9.0.1:9,sourceport=999`);
    await lab.sh('n1', 'busybox ping -c 1 -W 1 10.32.0.1');
    await look();
    const own = { direction: 'ingress', tier: 'groups', by: groupName('own-only') };
    const since = hits.list().filter((each) => !counted.includes(each) && each.direction === 'ingress');
    expect(since).toEqual([{ ...own, allowed: 1, refused: 0 }]);
  });

  test('a node’s first policy for what pods send comes into force in a table that stays', async () => {
    const loaded = async (): Promise<string> =>
      (await lab.sh('n1', 'nft -a list chain inet opencontrail outer | md5sum')).stdout;
    await lab.apply({ ...WORLD, pods: { ...WORLD.pods, closed: pod('c', '10.32.0.8', 'n1', ['open']) } }, anew);
    expect((await lab.sh('n1', 'nft list chain inet opencontrail arrived')).stdout).not.toContain('departures');
    await expect(lab.reach('closed', '10.32.0.5')).resolves.toBeDefined();
    const before = await loaded();
    await lab.apply(WORLD, anew);
    for (const address of ['10.32.0.2', '10.32.0.5', '192.0.2.2'])
      await expect(lab.reach('closed', address)).resolves.toBeUndefined();
    await expect(loaded()).resolves.toBe(before);
    await lab.apply(WORLD);
  });

  test('a group that is not there allows nothing', async () => {
    await lab.apply({ ...WORLD, pods: { ...WORLD.pods, other: pod('c', '10.32.0.5', 'n2', ['absent']) } });
    await expect(lab.reach('far', '10.32.0.5')).resolves.toBeUndefined();
    await lab.apply(WORLD);
  });
});
