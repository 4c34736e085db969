/** Our BIRD on a node, and FRR as the router outside, in network namespaces: what is told, what is learnt, what a reload costs. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { configText } from '../../bgp/bird/config.ts';
import { createKeeper, type Keeper } from '../../bgp/bird/keeper.ts';
import { compileSpeaker, type NodeFacts } from '../../bgp/compile.ts';
import { sessionsOf } from '../../bgp/status.ts';
import { slimBgpRouter } from '../../kubernetes/bgp-router.ts';
import { createLogger } from '../../runtime/log.ts';
import { eventually } from '../workers/programs.ts';
import { type Frr, hasSpeakers, startFrr } from './frr.ts';

jest.setTimeout(60_000);

const described = hasSpeakers ? describe : describe.skip;
const [NODE, OUT] = [`ocbgp${process.pid}n`, `ocbgp${process.pid}o`];
const FLOATING = ['198.51.100.10', '198.51.100.11'];
const SPEC = {
  asn: 64512,
  neighbors: [
    { address: '192.0.2.9', asn: 64513, passwordKey: 'tor' },
    { address: 'fd00:2::9', asn: 64513 },
  ],
  communities: ['64512:100', '64512:1:2'],
  learn: { limit: 5 },
};
/** Of the first neighbor alone: a machine that is busy for a second would end sessions with it in the other tests, too. */
const WITH_BFD = {
  ...SPEC,
  neighbors: SPEC.neighbors.map((each, index) => (index === 0 ? { ...each, bfd: {} } : each)),
};
/** The router outside announces a network behind it, a default route, and what it should not; a connection that failed it tries again at once. */
const FRR = `
router bgp 64513
 bgp router-id 192.0.2.9
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor 192.0.2.1 remote-as 64512
 neighbor 192.0.2.1 password swordfish
 neighbor 192.0.2.1 bfd
 neighbor 192.0.2.1 timers connect 1
 neighbor fd00:2::1 remote-as 64512
 neighbor fd00:2::1 timers connect 1
 address-family ipv4 unicast
  network 203.0.113.0/24
  network 10.40.1.0/24
  network 0.0.0.0/0
  no neighbor fd00:2::1 activate
 exit-address-family
 address-family ipv6 unicast
  network 2001:db8:9::/48
  neighbor fd00:2::1 activate
 exit-address-family
`;

const folder = mkdtempSync(join(tmpdir(), 'oc-bgp-'));
let frr: Frr;
let keeper: Keeper;

const ip = (...args: string[]): string => execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'ignore'] }).toString();

function textFor(spec: object, served: Partial<NodeFacts['served']> = {}, address = '192.0.2.1'): string {
  return configText(compiled(spec, served, address).speaker);
}

function compiled(spec: object, served: Partial<NodeFacts['served']> = {}, address = '192.0.2.1') {
  const router = slimBgpRouter({ metadata: { name: 'tor', uid: 'u', resourceVersion: '1' }, spec });
  const { speaker } = compileSpeaker([router], {
    address,
    labels: {},
    served: { FloatingIPs: FLOATING, LogicalRouters: [], Pods: [], Services: ['2001:db8:1::10'], ...served },
    guarded: ['10.32.0.0/12', '10.96.0.0/12'],
    passwords: new Map([['tor', 'swordfish']]),
    passwordSecret: 'opencontrail/bgp-passwords',
  });
  return { router, speaker, sessions: speaker.sessions };
}

interface Routes {
  readonly routes?: Readonly<
    Record<string, readonly { readonly path: string; readonly nexthops: readonly { ip: string }[] }[]>
  >;
}

/** What FRR has from the node, by prefix: the next hop. */
function told(family: 'ipv4' | 'ipv6'): Readonly<Record<string, string | undefined>> {
  const { routes = {} } = frr.ask(`show bgp ${family} unicast json`) as Routes;
  const ours = Object.entries(routes).filter(([, paths]) => paths.some(({ path }) => path === '64512'));
  return Object.fromEntries(ours.map(([prefix, paths]) => [prefix, paths[0]?.nexthops[0]?.ip]));
}

/** How often the session of an address has come up, as FRR counts. */
function established(address: string): unknown {
  const answer = frr.ask(`show bgp neighbors ${address} json`) as Record<string, { connectionsEstablished?: number }>;
  return answer[address]?.connectionsEstablished;
}

function isKnownAs(routerId: string): boolean {
  return JSON.stringify(frr.ask('show bgp neighbors fd00:2::1 json')).includes(`"remoteRouterId":"${routerId}"`);
}

const learnt = (family: '-4' | '-6'): string => ip('-n', NODE, family, 'route', 'show', 'proto', 'bird');

described('a node and a router outside', () => {
  beforeAll(async () => {
    for (const each of [NODE, OUT]) ip('netns', 'add', each);
    ip('link', 'add', 'eth0', 'netns', NODE, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', OUT);
    for (const [each, last] of [
      [NODE, '1'],
      [OUT, '9'],
    ] as const) {
      ip('-n', each, 'link', 'set', 'lo', 'up');
      ip('-n', each, 'addr', 'add', `192.0.2.${last}/24`, 'dev', 'eth0');
      ip('-n', each, 'addr', 'add', `fd00:2::${last}/64`, 'dev', 'eth0', 'nodad');
      ip('-n', each, 'link', 'set', 'eth0', 'up');
    }
    ip('-n', OUT, 'addr', 'add', '203.0.113.1/32', 'dev', 'lo');
    ip('-n', OUT, 'route', 'add', 'blackhole', '203.0.113.77');
    frr = await startFrr(OUT, FRR);
    const program = ['ip', 'netns', 'exec', NODE, 'bird'] as const;
    keeper = createKeeper(folder, { log: createLogger('bgp', 'silent'), onEnd: () => undefined, program });
    await keeper.serve(textFor(SPEC));
    await eventually(async () => established('192.0.2.1') === 1 && established('fd00:2::1') === 1);
  });

  afterAll(async () => {
    await keeper.stop({ gracefully: false });
    frr.stop();
    for (const each of [NODE, OUT]) ip('netns', 'del', each);
    rmSync(folder, { recursive: true });
  });

  test('tells addresses of both families, each by the session of its own, with communities', async () => {
    const [first, second] = FLOATING;
    await eventually(async () => Object.keys(told('ipv4')).length === 2 && Object.keys(told('ipv6')).length === 1);
    expect(told('ipv4')).toEqual({ [`${first}/32`]: '192.0.2.1', [`${second}/32`]: '192.0.2.1' });
    expect(told('ipv6')).toEqual({ '2001:db8:1::10/128': 'fd00:2::1' });
    expect(JSON.stringify(frr.ask(`show bgp ipv4 unicast ${first}/32 json`))).toMatch(/64512:100.*64512:1:2/);
  });

  test('learns networks and reaches them, but neither a default route nor prefixes of the cluster', async () => {
    await eventually(async () => learnt('-4') !== '' && learnt('-6') !== '');
    expect(learnt('-4').trim()).toMatch(/^203\.0\.113\.0\/24 via 192\.0\.2\.9 dev eth0 metric 4079\s*$/);
    expect(learnt('-6')).toMatch(/^2001:db8:9::\/48 via \S+ dev eth0/);
    const pinged = ip('netns', 'exec', NODE, 'ping', '-c', '1', '-W', '2', '203.0.113.1');
    expect(pinged).toContain('1 received');
  });

  test('withdraws an address that has moved, and keeps its sessions', async () => {
    const moved = textFor(SPEC, { FloatingIPs: FLOATING.slice(1) });
    expect([await keeper.serve(moved), await keeper.serve(moved)]).toEqual(['reloaded', 'unchanged']);
    await eventually(async () => Object.keys(told('ipv4')).length === 1);
    expect(Object.keys(told('ipv4'))).toEqual([`${FLOATING[1]}/32`]);
    await keeper.serve(textFor({ ...SPEC, announce: ['Services'], communities: [] }));
    await eventually(async () => Object.keys(told('ipv4')).length === 0);
    await keeper.serve(textFor(SPEC));
    await eventually(async () => Object.keys(told('ipv4')).length === 2);
    expect([established('192.0.2.1'), established('fd00:2::1')]).toEqual([1, 1]);
  });

  test('says how many prefixes are sent and received', async () => {
    const states = [...(await keeper.sessions()).values()];
    expect(states.map(({ state, sent, received }) => ({ state, sent, received }))).toEqual([
      { state: 'Established', sent: 2, received: 1 },
      { state: 'Established', sent: 1, received: 1 },
    ]);
  });

  test('learns a default route where it is asked for, and no more than the limit', async () => {
    await keeper.serve(textFor({ ...SPEC, learn: { prefixes: ['0.0.0.0/0'], limit: 1 } }));
    await eventually(async () => [...(await keeper.sessions()).values()].some(({ isLimited }) => isLimited));
    await keeper.serve(textFor({ ...SPEC, learn: { prefixes: ['0.0.0.0/0'] } }));
    await eventually(async () => learnt('-4').includes('default via 192.0.2.9'));
    await keeper.serve(textFor(SPEC));
    await eventually(async () => !learnt('-4').includes('default'));
  });

  test('keeps its configuration and sessions where BIRD refuses another, and says why', async () => {
    const refused = keeper.serve(`${textFor(SPEC)}\nprotocol nonsense { }\n`);
    await expect(refused).rejects.toThrow(/bird\.conf.*syntax error/);
    expect([...(await keeper.sessions()).values()].map(({ state }) => state)).toEqual(['Established', 'Established']);
  });

  test.each([
    ['that is on no segment', { address: '8.8.8.8' }, '8.8.8.8 is no neighbor on a segment of this node'],
    ['that is the node itself', { address: '192.0.2.1' }, '192.0.2.1 is no neighbor on a segment of this node'],
    ['that does not answer', { address: '203.0.113.77', multihop: 2 }, '203.0.113.77 does not answer at TCP port 179'],
  ])('says what is wrong with a neighbor %s', async (_what, neighbor, message) => {
    const spec = { ...SPEC, neighbors: [...SPEC.neighbors, { asn: 64513, ...neighbor }] };
    await keeper.serve(textFor(spec));
    const { router, sessions } = compiled(spec);
    await eventually(async () => {
      const last = sessionsOf(router, { sessions, problems: [], states: await keeper.sessions() }).at(-1);
      return last?.reason === 'NotEstablished' && last.message?.startsWith(message);
    });
    await keeper.serve(textFor(SPEC));
  });

  test('is known by another address to its neighbors when the node has one', async () => {
    await keeper.serve(textFor(SPEC, {}, '192.0.2.3'));
    await eventually(async () => isKnownAs('192.0.2.3'));
    await keeper.serve(textFor(SPEC));
    await eventually(async () => isKnownAs('192.0.2.1'));
  });

  test('hears by BFD within two seconds that the other end is silent', async () => {
    const state = async () => [...(await keeper.sessions()).values()][0]?.state;
    await keeper.serve(textFor(WITH_BFD));
    await eventually(async () => (await state()) === 'Established');
    await eventually(async () => JSON.stringify(frr.ask('show bfd peers json')).includes('"status":"up"'));
    ip('-n', OUT, 'link', 'set', 'lo', 'down');
    ip(
      'netns',
      'exec',
      OUT,
      'nft',
      'add table inet t; add chain inet t i { type filter hook input priority 0; policy drop; }',
    );
    const started = performance.now();
    await eventually(async () => (await state()) !== 'Established');
    expect(performance.now() - started).toBeLessThan(2000);
  });
});
