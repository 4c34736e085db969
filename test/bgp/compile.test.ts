/** Which sessions a node has, and what its vRouter says that it serves. */
import { expect, test } from '@jest/globals';
import { compileSpeaker, type NodeFacts } from '../../bgp/compile.ts';
import { slimBgpRouter, type SlimBgpRouter } from '../../kubernetes/bgp-router.ts';
import { reachable } from '../../vrouter/announce/reachable.ts';
import type { Port } from '../../vrouter/model/networks.ts';

const FACTS: NodeFacts = {
  address: '192.0.2.11',
  labels: { rack: '1' },
  served: { FloatingIPs: [], LogicalRouters: [], Pods: [], Services: [] },
  guarded: [],
  passwords: new Map([
    ['good', 'swordfish'],
    ['bad', 'sword"fish'],
  ]),
  passwordSecret: 'opencontrail/bgp-passwords',
};

function router(name: string, spec: object): SlimBgpRouter {
  const neighbors = [{ address: '192.0.2.1', asn: 64513 }];
  return slimBgpRouter({
    metadata: { name, uid: name, resourceVersion: '1' },
    spec: { asn: 64512, neighbors, ...spec },
  });
}

const neighbor = (passwordKey: string) => ({ neighbors: [{ address: '192.0.2.1', asn: 64513, passwordKey }] });
const selecting = (rack: string) => ({ nodeSelector: { matchLabels: { rack } } });

const floating = (address: string) => ({ address, target: '10.32.0.1', network: 5, inward: true, outward: true });
const port = (network: number, address: string): Port => ({
  vmi: address,
  vm: '',
  vmName: '',
  project: '',
  network,
  networkUuid: '',
  networkName: '',
  mac: '',
  addresses: [address],
  annotations: [],
});
const network = (subnets: readonly string[], overlapping: boolean) => ({
  id: 5,
  uuid: '',
  name: '',
  overlapping,
  subnets,
});

test.each([
  { name: 'no selector', routers: [router('a', {})], sessions: ['a'], problems: [] },
  {
    name: 'a selector',
    routers: [router('a', selecting('1')), router('b', selecting('2'))],
    sessions: ['a'],
    problems: [],
  },
  {
    name: 'a neighbor of two routers',
    routers: [router('b', {}), router('a', {})],
    sessions: ['a'],
    problems: [
      'b NeighborTaken: BGPRouter a has this neighbor on this node; take 192.0.2.1 out of b or a, or select other nodes',
    ],
  },
  { name: 'a password', routers: [router('a', neighbor('good'))], sessions: ['a'], problems: [] },
  {
    name: 'no password',
    routers: [router('a', neighbor('none'))],
    sessions: [],
    problems: ['a PasswordMissing: Secret opencontrail/bgp-passwords has no key none; add it'],
  },
  {
    name: 'a password that ends its quotes',
    routers: [router('a', neighbor('bad'))],
    sessions: [],
    problems: [
      `a PasswordRefused: key bad of Secret opencontrail/bgp-passwords must be 1 to 80 printable ASCII characters without '"'`,
    ],
  },
])('a node has the sessions of $name', ({ routers, sessions, problems }) => {
  const compiled = compileSpeaker(routers, FACTS);
  expect(compiled.speaker.sessions.map((each) => each.router)).toEqual(sessions);
  expect(compiled.problems.map((each) => `${each.router} ${each.reason}: ${each.message}`)).toEqual(problems);
});

test('a session keeps its name, and a node of IPv6 alone has an identity', () => {
  const names = (asn: number): readonly string[] =>
    compileSpeaker([router('a', { asn })], FACTS).speaker.sessions.map(({ name }) => name);
  expect(names(1)).toEqual(names(2));
  const { routerId } = compileSpeaker([], { ...FACTS, address: 'fd00::1' }).speaker;
  expect(routerId).toMatch(/^([1-9]|\d\d|1\d\d|2[01]\d|22[0-3])(\.\d{1,3}){3}$/);
});

test('a node serves what it may answer for, each address under what it is of', () => {
  const [own, other] = ['192.0.2.11', '192.0.2.12'] as const;
  expect(
    reachable({
      address: own,
      floating: [floating('198.51.100.2'), floating('198.51.100.1')],
      egress: [
        { address: '198.51.100.5', network: 5, index: 0 },
        { address: '198.51.100.6', network: 5, index: 0, via: other },
      ],
      announcements: [
        { address: '198.51.100.1', nodes: [own, other] },
        { address: '198.51.100.2', nodes: [own] },
        { address: '198.51.100.3', nodes: [own, other] },
        { address: '198.51.100.4', nodes: [other] },
        { address: '198.51.100.5', nodes: [own, other] },
        { address: '198.51.100.6', nodes: [own, other] },
      ],
      ports: [port(5, '10.32.0.1'), port(6, '10.32.0.2')],
      inbound: [{ from: 0, to: 6 }],
      networks: [network(['10.32.0.0/12'], false), network(['10.9.0.0/24'], true)],
      serviceSubnets: ['10.96.0.0/12'],
    }),
  ).toEqual({
    floating: ['198.51.100.1', '198.51.100.2'],
    services: ['198.51.100.3'],
    routers: ['198.51.100.5'],
    pods: ['10.32.0.2'],
    subnets: ['10.32.0.0/12', '10.96.0.0/12'],
  });
});
