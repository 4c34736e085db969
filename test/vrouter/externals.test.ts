/** Networks outside at an interface of nodes: what each node compiles and renders of them. */
import { describe, expect, test } from '@jest/globals';
import { guidesOf } from '../../contrail/guides.ts';
import { compile } from '../../vrouter/compile/compile.ts';
import { staleFlows } from '../../vrouter/linux/flows.ts';
import { instancesOf, marksOf } from '../../vrouter/linux/marks.ts';
import { render, type RenderOptions } from '../../vrouter/linux/render.ts';
import { reachable } from '../../vrouter/announce/reachable.ts';
import { type TestWorld, vmiOf, worldObjects } from './config.ts';
import { sentTo } from './lab/sent.ts';

const NODES = { n1: '192.0.2.1', n2: '192.0.2.2', n3: '192.0.2.3' } as const;
const EXTERNAL = {
  id: 300,
  interface: 'eth1',
  subnets: [
    ['203.0.113.0/24', '203.0.113.1'],
    ['203.0.114.0/24', '203.0.114.1'],
    ['2001:db8:1::/64', '2001:db8:1::1'],
  ],
  nodes: ['n1', 'n2'],
} as const;
const WORLD = {
  nodes: NODES,
  networks: {
    'ip-fabric': { id: 1, policies: ['fabric'] },
    c: { id: 5, subnet: '10.32.0.0/12', policies: ['fabric'], snat: true },
    s: { id: 7, subnet: '10.96.0.0/12', policies: ['fabric'] },
    r: { id: 8, subnet: '10.32.0.0/12' },
  },
  policies: { fabric: [['self', 'ip-fabric']] },
  pods: {
    c1: { network: 'c', address: '10.32.0.1', node: 'n1' },
    c3: { network: 'c', address: '10.32.0.3', node: 'n3' },
  },
  floating: { '203.0.113.201': { pods: ['c1'] }, '203.0.113.203': { pods: ['c3'] }, '192.0.2.201': { pods: ['c1'] } },
  services: {
    web: {
      vip: '10.96.0.10',
      network: 's',
      floating: ['203.0.113.210', '192.0.2.210'],
      ports: [{ protocol: 'TCP', port: 80, backends: [['c1', 8080]] }],
    },
  },
  routers: { egress: { networks: ['r'], addresses: ['203.0.113.220'] } },
  externals: { public: EXTERNAL },
} as const satisfies TestWorld;

const compiled = (node: string, world: TestWorld = WORLD) =>
  compile({ objects: sentTo(node, worldObjects(world)) }, node);
const rendered = (node: string, options: Partial<RenderOptions> = {}, world: TestWorld = WORLD) =>
  render(compiled(node, world), new Map([[vmiOf('c1'), 'tapc1']]), { device: 'ocvx0', vxlanPort: 4789, ...options });
const UP = { interfaces: { up: new Set(['eth1']) } };

describe('a network outside at an interface', () => {
  test('is none of pods’, and known on every node with its routers', () => {
    for (const node of Object.keys(NODES)) {
      const { networks, externals } = compiled(node);
      expect(networks.map(({ id }) => id)).not.toContain(EXTERNAL.id);
      expect(externals).toEqual([
        {
          id: 300,
          name: 'default-domain:k8s-test:public',
          interface: 'eth1',
          subnets: ['2001:db8:1::/64', '203.0.113.0/24', '203.0.114.0/24'],
          gateways: ['203.0.113.1', '2001:db8:1::1'],
        },
      ]);
    }
  });

  test('is announced there by nodes that say they have it, and to no router of BGP', () => {
    const at = { interface: 'eth1', subnet: '203.0.113.0/24' };
    const [n1, n3] = ['n1', 'n3'].map((node) => compiled(node));
    const both = [NODES.n1, NODES.n2];
    expect(n1?.announcements).toEqual(
      expect.arrayContaining([
        { address: '203.0.113.201', nodes: [NODES.n1], at },
        { address: '203.0.113.210', nodes: both, at },
        { address: '203.0.113.220', nodes: both, at },
        { address: '192.0.2.210', nodes: Object.values(NODES) },
      ]),
    );
    expect(n3?.announcements).toContainEqual({ address: '203.0.113.203', nodes: [], at });
    expect(reachable(n1!)).toMatchObject({ floating: ['192.0.2.201'], services: ['192.0.2.210'], routers: [] });
  });

  test('has one node that translates for a router among them', () => {
    const vias = Object.keys(NODES).map((node) => compiled(node).egress[0]?.via ?? NODES[node as keyof typeof NODES]);
    expect(new Set(vias).size).toBe(1);
    expect(vias[0]).not.toBe(NODES.n3);
    const nobody = { ...WORLD, externals: { public: { ...EXTERNAL, nodes: [] } } };
    // Its networks go out nowhere else.
    for (const node of Object.keys(NODES))
      expect(compiled(node, nobody).egress).toEqual([
        { address: '203.0.113.220', network: 8, index: expect.any(Number), external: 300 },
      ]);
  });

  test.each(['a "name"', 'lo', 'tapc1'])('is at no interface that it cannot be at: %s', (name) => {
    const odd = { ...WORLD, externals: { public: { ...EXTERNAL, interface: name, nodes: ['n1'] } } };
    const { sets } = rendered('n1', UP, odd);
    expect(sets.has('external_interfaces')).toBe(false);
    expect(sets.get('external4')?.has('203.0.113.201')).toBe(true);
  });

  test('has routes where the interface is up, and elsewhere no way at all', () => {
    const routes = (options: Partial<RenderOptions>) => {
      const { v4, v6 } = rendered('n1', options).entries;
      return [...v4, ...v6].flatMap(([key, { add }]) => (key.startsWith('route 200300 ') ? [add] : []));
    };
    expect(routes(UP)).toEqual([
      'route replace 203.0.113.0/24 dev eth1 table 200300 proto 79',
      'route replace 203.0.114.0/24 dev eth1 table 200300 proto 79',
      'route replace 0.0.0.0/1 via 203.0.113.1 dev eth1 onlink table 200300 proto 79',
      'route replace 128.0.0.0/1 via 203.0.113.1 dev eth1 onlink table 200300 proto 79',
      'route replace 2001:db8:1::/64 dev eth1 table 200300 proto 79',
      'route replace ::/1 via 2001:db8:1::1 dev eth1 onlink table 200300 proto 79',
      'route replace 8000::/1 via 2001:db8:1::1 dev eth1 onlink table 200300 proto 79',
    ]);
    expect(routes({ interfaces: { up: new Set() } })).toEqual([]);
    expect(rendered('n1').entries.v4.has('rule 6101 unreachable')).toBe(true);
  });

  test('is the outside’s where the interface is the fabric’s', () => {
    const { externals: _none, ...plain } = WORLD;
    const named = rendered('n1', { interfaces: { up: new Set(['eth1']), fabric: 'eth1' } });
    const { skeleton, sets } = rendered('n1', {}, plain);
    expect(named.skeleton).toBe(skeleton);
    for (const name of ['float_pairs4', 'leaving4', 'offered4', 'arriving'])
      expect(named.sets.get(name)).toEqual(sets.get(name));
  });

  test('leaves nothing behind where there is none', () => {
    const { externals: _none, ...plain } = WORLD;
    expect(rendered('n1', {}, plain).skeleton).not.toMatch(/external|4f4b/);
    expect(compiled('n1', plain)).not.toHaveProperty('attachment');
  });
});

describe('a floating address there, of a pod on another node', () => {
  const WHOLE = { '203.0.113.201': { pods: ['c1'] } } as const;
  type Floating = NonNullable<TestWorld['floating']>;
  const setsOf = (floating: Floating) => rendered('n2', UP, { ...WORLD, floating }).sets;
  const elsewhere = (floating: Floating, node = 'n2', dead: readonly string[] = []) => {
    const objects = sentTo(node, worldObjects({ ...WORLD, networks: NETWORKS, pods: PODS, floating }));
    return compile({ objects }, node, { dead: new Set(dead) }).floatingElsewhere;
  };
  const NETWORKS = { ...WORLD.networks, o: { id: 100, overlapping: true, subnet: '10.9.0.0/24' } };
  const PODS = { ...WORLD.pods, o1: { network: 'o', address: '10.9.0.1', node: 'n1' } };
  const ONE = { address: '203.0.113.201', target: '10.32.0.1', network: 5, external: 300 };

  test.each<[string, Floating, unknown[]]>([
    ['as it is', WHOLE, [ONE]],
    ['that leads in alone', { '203.0.113.201': { pods: ['c1'], direction: 'ingress' } }, [ONE]],
    [
      'of one port',
      { '203.0.113.201': { pods: ['c1'], ports: [['TCP', 80, 8080]] } },
      [{ ...ONE, ports: [{ protocol: 'tcp', port: 80, targetPort: 8080 }] }],
    ],
    ['that leads out alone', { '203.0.113.201': { pods: ['c1'], direction: 'egress' } }, []],
    ['of the other family than the pod', { '2001:db8:1::201': { pods: ['c1'] } }, []],
    ['of a pod whose address overlaps with others', { '203.0.113.201': { pods: ['o1'] } }, []],
    ['at the fabric', { '192.0.2.201': { pods: ['c1'] } }, []],
  ])('is known where there is a way to its pod: %s', (_, floating, want) => {
    expect(elsewhere(floating)).toEqual(want);
    expect(elsewhere(floating, 'n1')).toEqual([]);
  });

  test('of several is one’s whose node lives, and has the interface', () => {
    const floating = { '203.0.113.201': { pods: ['c3', 'c1'] } };
    expect(elsewhere(floating)).toEqual([ONE]);
    expect(elsewhere(floating, 'n2', ['n1'])).toMatchObject([{ target: '10.32.0.3' }]);
    expect(elsewhere(floating, 'n2', ['n1', 'n3'])).toHaveLength(1);
    expect(elsewhere(floating, 'n3')).toEqual([]);
  });

  test('is translated there for nodes and pods, and for nobody else', () => {
    const [n1, n2] = [rendered('n1', UP).sets, rendered('n2', UP).sets];
    for (const sets of [n1, n2]) {
      expect(sets.get('float_targets4')?.get('203.0.113.201')).toBe('10.32.0.1');
      expect(sets.get('float_turns4')?.has('203.0.113.201')).toBe(true);
      expect(sets.get('float_hosts4')?.has('203.0.113.201')).toBe(true);
    }
    for (const name of ['float_pairs4', 'external4', 'float_sources4']) {
      expect([...(n1.get(name) ?? [])].join()).toContain('203.0.113.201');
      expect([...(n2.get(name) ?? [])].join()).not.toContain('203.0.113.201');
    }
    const { announcements } = compiled('n2');
    expect(announcements.map(({ address }) => address)).not.toContain('203.0.113.201');
    expect(reachable(compiled('n2')).floating).toEqual([]);
  });

  test('is known, and who may ask known to its pod’s node, also where guides know the pods', () => {
    const nodes = Object.fromEntries([1, 2, 3, 4, 5, 6].map((each) => [`n${each}`, `192.0.2.${each}`]));
    const guides = guidesOf(Object.keys(nodes));
    const [holder = '', asker = '', other = ''] = Object.keys(nodes).filter((name) => !guides.includes(name));
    const world: TestWorld = {
      nodes,
      networks: {
        'ip-fabric': WORLD.networks['ip-fabric'],
        c: WORLD.networks.c,
        q: { id: 9, subnet: '10.32.0.0/12', policies: ['fabric'], snat: true },
        k: { id: 10, subnet: '10.32.0.0/12', policies: ['fabric'] },
      },
      policies: WORLD.policies,
      pods: {
        c1: { network: 'c', address: '10.32.0.1', node: holder },
        q1: { network: 'q', address: '10.32.0.11', node: asker },
        k1: { network: 'k', address: '10.32.0.21', node: asker },
      },
      floating: WHOLE,
      externals: WORLD.externals,
    };
    const known = (node: string) => compiled(node, world).remotes.map(({ address }) => address);
    expect(known(holder)).toEqual(['10.32.0.11']);
    for (const node of [asker, other]) {
      expect(known(node)).toEqual(['10.32.0.1']);
      expect(compiled(node, world).floatingElsewhere).toEqual([ONE]);
    }
    for (const node of [holder, asker])
      expect(compiled(node, world).servicePassages).toContainEqual({ from: 9, to: 5 });
    expect(compiled(other, world).servicePassages).toContainEqual({ from: 1, to: 5 });
    const { floating: _none, ...without } = world;
    for (const node of [holder, asker, other]) expect(compiled(node, without).remotes).toEqual([]);
  });

  test('is the outside’s where the interface is the fabric’s', () => {
    const { sets } = rendered('n2', { interfaces: { up: new Set(['eth1']), fabric: 'eth1' } });
    for (const name of ['float_targets4', 'float_turns4', 'float_hosts4']) expect(sets.has(name)).toBe(false);
  });

  test('ends the flows that it had, and those that it has now, where it moves', () => {
    const ported = { '203.0.113.201': { pods: ['c1'], ports: [['TCP', 80, 8080]] } } as const;
    expect(staleFlows(setsOf(WHOLE), setsOf({ '203.0.113.201': { pods: ['c3'] } }))).toEqual(
      expect.arrayContaining(['-D -d 203.0.113.201']),
    );
    expect(staleFlows(setsOf({}), setsOf(WHOLE))).toContain('-D -d 203.0.113.201 -r 203.0.113.201');
    expect(staleFlows(setsOf({}), setsOf(ported))).toContain('-D -p tcp -d 203.0.113.201 --dport 80 -r 203.0.113.201');
    expect(staleFlows(setsOf(ported), setsOf({}))).toContain('-D -p tcp -d 203.0.113.201 --dport 80');
    expect(staleFlows(setsOf(WHOLE), setsOf(WHOLE))).toEqual([]);
    // With its pod, to another node.
    const pods = { ...WORLD.pods, c1: { ...WORLD.pods.c1, node: 'n2' } };
    const [before, after] = [WORLD, { ...WORLD, pods }].map((world) => rendered('n1', UP, world).sets);
    expect(staleFlows(before!, after!)).toContain('-D -d 203.0.113.201');
  });
});

test('marks of flows and of their sources name the network', () => {
  const marks = marksOf([]);
  expect(instancesOf(Number(marks.pair(300, 5)))).toEqual([300, 5]);
  expect(instancesOf(0x4f4b0000 + 300)).toEqual([300, undefined]);
});
