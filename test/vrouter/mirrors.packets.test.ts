/** Copies of pods' traffic by packets, between two nodes made of network namespaces: what analyzers are sent, and what is left alone. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import type { PolicyRule } from '../../contrail/objects.ts';
import { tapName } from '../../contrail/names.ts';
import { createLogger } from '../../runtime/log.ts';
import { createMirrors, type Mirrors, removeMirrors } from '../../vrouter/apply/mirrors.ts';
import { compile } from '../../vrouter/compile/compile.ts';
import { mirrorDocument } from '../../vrouter/linux/mirrors.ts';
import { type TestPod, type TestWorld, vmiOf, worldObjects } from './config.ts';
import type { TestFirewallRule } from './firewall-config.ts';
import { createLab, inNamespace, type Lab } from './lab/nodes.ts';

jest.setTimeout(60_000);

const NODES = { n1: '192.0.2.1', n2: '192.0.2.2' } as const;
const pod = (network: string, address: string, node: string): TestPod => ({ network, address, node });
const PODS: Record<string, TestPod> = {
  c1: { ...pod('c', '10.32.0.1', 'n1'), address6: 'fd00:32::1' },
  c2: { ...pod('c', '10.32.0.2', 'n2'), address6: 'fd00:32::2' },
  o1: pod('o', '10.9.0.1', 'n1'),
  o2: pod('o', '10.9.0.2', 'n2'),
  d2: { ...pod('d', '10.32.0.22', 'n2'), address6: 'fd00:32::22' },
  p2: pod('p', '10.9.1.2', 'n2'),
  near: { ...pod('c', '10.32.0.11', 'n1'), address6: 'fd00:32::11' },
  far: { ...pod('c', '10.32.0.12', 'n2'), address6: 'fd00:32::12' },
};
const WORLD: TestWorld = {
  nodes: NODES,
  nodes6: { n1: 'fd00:2::1', n2: 'fd00:2::2' },
  networks: {
    'ip-fabric': { id: 1, policies: ['fabric'] },
    c: { id: 5, subnet: '10.32.0.0/12 fd00:32::/64', policies: ['fabric', 'joined'] },
    d: { id: 6, subnet: '10.32.0.0/12 fd00:32::/64', policies: ['joined'] },
    o: { id: 100, overlapping: true, subnet: '10.9.0.0/24', policies: ['parted'] },
    p: { id: 101, overlapping: true, subnet: '10.9.1.0/24', policies: ['parted'] },
  },
  policies: { fabric: [['self', 'ip-fabric']], joined: [['c', 'd']], parted: [['o', 'p']] },
  pods: PODS,
};

let lab: Lab;
let folder: string;
let mirrors: Record<string, Mirrors>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vi-'));
  lab = await createLab('vi', NODES);
  for (const [node, address] of Object.entries(WORLD.nodes6 ?? {}))
    await lab.sh(node, `ip addr add ${address}/64 dev eth0 nodad`);
  for (const name of Object.keys(PODS)) await lab.addPod(name, WORLD);
  await lab.apply(WORLD);
  const log = createLogger('test', 'warn');
  mirrors = Object.fromEntries(
    Object.keys(NODES).map((node) => [node, createMirrors({ run: inNamespace(`${lab.prefix}-${node}`), log })]),
  );
});

afterAll(async () => {
  await lab.down();
  await rm(folder, { recursive: true });
});

/** Copies the traffic of the named pods, on whatever node they are. */
async function mirrored(copied: Readonly<Record<string, NonNullable<TestPod['mirror']>>>): Promise<void> {
  const pods = Object.fromEntries(
    Object.entries(PODS).map(([name, own]) => {
      const mirror = copied[name];
      return [name, mirror === undefined ? own : { ...own, mirror }];
    }),
  );
  await keepCopying({ ...WORLD, pods });
}

/** Copies what rules say, of policies by name. */
async function mirroredBy(policies: TestWorld['policies']): Promise<void> {
  await keepCopying({ ...WORLD, policies: { ...WORLD.policies, ...policies } });
}

async function keepCopying(world: TestWorld): Promise<void> {
  const objects = worldObjects(world);
  for (const [node, own] of Object.entries(mirrors)) {
    const here = Object.keys(PODS).filter((name) => PODS[name]?.node === node);
    const bindings = new Map(here.map((name) => [vmiOf(name), tapName(vmiOf(name))]));
    own.set(mirrorDocument(compile({ objects }, node).mirrors, { bindings, udpPort: 8472 }));
    await own.idle();
  }
}

/** What an analyzer is sent while `line` runs in a pod, as tcpdump reads it, and what the line says. */
async function sentTo(analyzer: string, [where, line]: readonly [where: string, line: string]) {
  const file = join(folder, `${analyzer}.txt`);
  await rm(file, { force: true });
  const filter = "'udp port 8472 or ip[6:2] & 0x1fff != 0'";
  const tcpdump = lab.background(analyzer, `tcpdump -lni eth0 -T vxlan ${filter} > ${file} 2>&1`);
  const said = async (): Promise<string> => readFile(file, 'utf8').catch(() => '');
  while (!(await said()).includes('listening on')) await sleep(50);
  const { stdout: done } = await lab.sh(where, line);
  // Copies are on their way at most as long as what they are of.
  await sleep(300);
  tcpdump.kill();
  return { done, said: await said() };
}

/** The ICMP messages among it. */
async function copiesAt(analyzer: string, asked: readonly [where: string, line: string]) {
  const { done, said } = await sentTo(analyzer, asked);
  return {
    done,
    messages: Array.from(said.matchAll(/IP6? (\S+) > (\S+): ICMP6?,? echo (request|reply)/g), ([, from, to, kind]) =>
      [from, to, kind].join(' '),
    ),
  };
}

const PING = 'busybox ping -q -c 2 -i 0.1 10.32.0.2';
const REQUEST = '10.32.0.1 10.32.0.2 request';
const REPLY = '10.32.0.2 10.32.0.1 reply';

test.each([
  ['near', 'both', [REQUEST, REPLY, REQUEST, REPLY]],
  ['far', 'both', [REQUEST, REPLY, REQUEST, REPLY]],
  ['far', 'ingress', [REQUEST, REQUEST]],
  ['far', 'egress', [REPLY, REPLY]],
] as const)('the analyzer %s is sent a port’s traffic, direction %s', async (analyzer, direction, messages) => {
  await mirrored({ c1: [PODS[analyzer]!.address, direction] });
  const copies = await copiesAt(analyzer, ['c1', PING]);
  expect(copies.done).toContain(' 0% packet loss');
  expect(copies.messages).toEqual(messages);
});

test('an IPv6 analyzer is sent IPv6 traffic', async () => {
  await mirrored({ c1: ['fd00:32::12', 'both'] });
  const copies = await copiesAt('far', ['c1', 'busybox ping -q -c 1 fd00:32::2']);
  expect(copies.messages).toEqual(['fd00:32::1 fd00:32::2 request', 'fd00:32::2 fd00:32::1 reply']);
});

test('a port of a network with addresses of others is copied', async () => {
  await mirrored({ o1: ['10.32.0.12', 'both'] });
  const copies = await copiesAt('far', ['o1', 'busybox ping -q -c 1 10.9.0.2']);
  expect(copies.messages).toEqual(['10.9.0.1 10.9.0.2 request', '10.9.0.2 10.9.0.1 reply']);
});

test('frames as long as they may be arrive whole, and copies of them too', async () => {
  await mirrored({ c1: ['10.32.0.12', 'both'], c2: ['10.32.0.11', 'both'] });
  const ping = 'ping -q -c 3 -i 0.1 -M do -s 1422 10.32.0.2';
  const { done, said } = await sentTo('far', ['c1', ping]);
  expect(done).toContain('3 received');
  for (const node of Object.keys(NODES))
    expect((await lab.sh(node, 'ip route show cache')).stdout).not.toContain('mtu');
  // Six messages, each in two parts: with its header a copy is too long for the tunnel between nodes.
  expect(said.match(/ICMP echo (?:request|reply), id \d+, seq \d, length 1430/g)).toHaveLength(6);
  expect(said.match(/ > 10\.32\.0\.12: (?:ip-proto-17|udp)/g)).toHaveLength(6);
});

test('analyzers of two pods are each sent their own', async () => {
  await mirrored({ c1: ['10.32.0.11', 'ingress'], o1: ['10.32.0.12', 'ingress'] });
  const both = `${PING}; busybox ping -q -c 1 10.32.0.2`;
  const [near, far] = [
    await copiesAt('near', ['c1', both]),
    await copiesAt('far', ['o1', 'busybox ping -q -c 1 10.9.0.2']),
  ];
  expect([near.messages, far.messages]).toEqual([[REQUEST, REQUEST, REQUEST], ['10.9.0.1 10.9.0.2 request']]);
});

/** What a rule says that copies to an analyzer; traffic of a protocol, to a port, where one is named. */
function copyingTo(analyzer: string, protocol = 'any', port = -1): Partial<PolicyRule> {
  const mirror_to = { analyzer_ip_address: analyzer, juniper_header: false };
  return {
    protocol,
    dst_ports: [{ start_port: port, end_port: port }],
    action_list: { simple_action: 'pass', mirror_to },
  };
}

const BOTH = 'busybox ping -q -c 1 10.32.0.22; busybox ping -q -c 1 fd00:32::22';
const FOUR = [
  '10.32.0.1 10.32.0.22 request',
  '10.32.0.22 10.32.0.1 reply',
  'fd00:32::1 fd00:32::22 request',
  'fd00:32::22 fd00:32::1 reply',
];

test.each([
  ['for all traffic', [['c', 'd', copyingTo('10.32.0.12')]], FOUR],
  ['for some traffic', [['c', 'd', copyingTo('10.32.0.12', 'icmp')]], FOUR.slice(0, 2)],
  [
    'for other traffic',
    [
      ['c', 'd', copyingTo('10.32.0.12', 'udp')],
      ['c', 'd'],
    ],
    [],
  ],
  [
    'behind one that has decided already',
    [
      ['c', 'd'],
      ['c', 'd', copyingTo('10.32.0.12')],
    ],
    [],
  ],
] as const)('of a rule %s each packet is copied once', async (_title, joined, messages) => {
  await mirroredBy({ joined });
  // What stays in its network is none of the rule's.
  const copies = await copiesAt('far', ['c1', `${BOTH}; busybox ping -q -c 1 10.32.0.2`]);
  expect(copies.messages.toSorted()).toEqual(messages);
});

test('of a limited rule the packets of its port are copied, and the answers to them', async () => {
  await mirroredBy({
    joined: [
      ['c', 'd', { ...copyingTo('10.32.0.12', 'udp', 9001), direction: '>' }],
      ['c', 'd'],
    ],
  });
  // Who has not read what it was asked ends socat, and its own answer with it.
  for (const port of [9001, 9002])
    lab.background('d2', `socat UDP4-LISTEN:${port},fork SYSTEM:'read asked; echo answered'`);
  while ((await lab.sh('d2', "ss -ulnH 'sport = :9001 or sport = :9002' | wc -l")).stdout.trim() !== '2');
  const asking = [9001, 9002].map(
    (port) => `echo asked | socat -t3 - UDP4:10.32.0.22:${port},sourceport=${port - 1000}`,
  );
  const { done, said } = await sentTo('far', ['c1', asking.join('; ')]);
  expect(done).toBe('answered\nanswered\n');
  const copied = Array.from(said.matchAll(/IP (\S+\.[89]00\d) > (\S+):/g), ([, from, to]) => `${from} ${to}`);
  expect(copied.toSorted()).toEqual(['10.32.0.1.8001 10.32.0.22.9001', '10.32.0.22.9001 10.32.0.1.8001']);
});

const PASS = { from: 'any', to: 'any', action: 'pass', direction: '<>' } as const;
const COPIED = { ...PASS, mirror: '10.32.0.12' } as const;
const ONE_WAY = { ...COPIED, direction: '>', from: 'tier=app', to: 'tier=web' } as const;

test.each<readonly [title: string, rules: readonly TestFirewallRule[], isCopied: boolean]>([
  ['is copied, each packet once', [COPIED], true],
  ['is copied where others are excepted', [{ ...PASS, to: 'tier=db', action: 'deny' }, ONE_WAY, PASS], true],
  ['is copied both ways where its source alone is judged', [{ ...ONE_WAY, only: 'egress' }], true],
  ['is copied both ways where its target alone is judged', [{ ...ONE_WAY, only: 'ingress' }], true],
  ['is not copied where a rule before it has decided', [PASS, COPIED], false],
  [
    'is not copied where it means others',
    [
      { ...COPIED, from: 'tier=db' },
      { ...COPIED, to: '10.32.0.32/27' },
    ],
    false,
  ],
  ['is not copied where it passes nothing', [{ ...COPIED, action: 'deny' }], false],
])('what a firewall rule means %s', async (_title, rules, isCopied) => {
  const pods = { ...PODS, c1: { ...PODS['c1']!, tags: ['tier=app'] }, c2: { ...PODS['c2']!, tags: ['tier=web'] } };
  await keepCopying({ ...WORLD, pods, firewall: { sets: { all: ['watch'] }, policies: { watch: rules } } });
  const copies = await copiesAt('far', ['c1', 'busybox ping -q -c 1 10.32.0.2']);
  expect(copies.messages.toSorted()).toEqual(isCopied ? [REQUEST, REPLY] : []);
});

test('between networks whose addresses are others’ too questions and answers are copied, each once', async () => {
  await mirroredBy({ parted: [['o', 'p', copyingTo('10.32.0.12')]] });
  for (const [pod, source, target] of [
    ['o1', '10.9.0.1', '10.9.1.2'],
    ['p2', '10.9.1.2', '10.9.0.1'],
  ] as const) {
    const copies = await copiesAt('far', [pod, `busybox ping -q -c 1 ${target}`]);
    expect(copies.done).toContain(' 0% packet loss');
    expect(copies.messages).toEqual([`${source} ${target} request`, `${target} ${source} reply`]);
  }
});

test('of what stays in a network a limited rule for it copies its own traffic, and nothing else', async () => {
  await mirroredBy({ joined: [['c', 'c', copyingTo('10.32.0.12', 'udp', 9001)]] });
  expect((await copiesAt('far', ['c1', PING])).messages).toEqual([]);
  await mirroredBy({ joined: [['c', 'c', copyingTo('10.32.0.12', 'icmp')]] });
  expect((await copiesAt('far', ['c1', PING])).messages).toEqual([REQUEST, REPLY, REQUEST, REPLY]);
});

test('what is copied as a port’s is not copied to the same analyzer again', async () => {
  await keepCopying({
    ...WORLD,
    pods: { ...PODS, c1: { ...PODS['c1']!, mirror: ['10.32.0.12', 'ingress'] } },
    policies: { ...WORLD.policies, joined: [['c', 'd', copyingTo('10.32.0.12')]] },
  });
  const copies = await copiesAt('far', ['c1', 'busybox ping -q -c 1 10.32.0.22']);
  expect(copies.messages.toSorted()).toEqual(FOUR.slice(0, 2));
});

test('copies are not copied: two analyzers may look at each other', async () => {
  await mirrored({ near: ['10.32.0.12', 'both'], far: ['10.32.0.11', 'both'] });
  const copies = await copiesAt('far', ['near', 'busybox ping -q -c 2 -i 0.1 10.32.0.2']);
  expect(copies.messages).toHaveLength(4);
});

test('an interface made anew under its name is copied again with the next round', async () => {
  await mirrored({ c1: ['10.32.0.12', 'both'] });
  await lab.addPod('c1', WORLD);
  lab.kernel('n1').forget(tapName(vmiOf('c1')));
  await lab.apply(WORLD);
  await mirrored({ c1: ['10.32.0.12', 'both'] });
  expect((await copiesAt('far', ['c1', PING])).messages).toHaveLength(4);
});

test('nothing is left when nothing is copied, and when the vRouter is removed', async () => {
  const left = async (): Promise<string> =>
    (await lab.sh('n1', 'ip -br link | grep ^ocm; nft list tables netdev')).stdout;
  await mirrored({ c1: ['10.32.0.12', 'both'] });
  expect(await left()).toMatch(/ocmirror0[^]*ocm-[^]*opencontrail_mirrors/);
  await mirrored({});
  expect(await left()).toBe('');
  await mirrored({ c1: ['10.32.0.12', 'both'] });
  await removeMirrors(inNamespace(`${lab.prefix}-n1`));
  expect(await left()).toBe('');
});
