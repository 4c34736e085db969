/** Config objects to forwarding: reachability, services, who lives where. */
import { describe, expect, test } from '@jest/globals';
import { compile } from '../../vrouter/compile/compile.ts';
import { vmiOf, worldObjects } from './config.ts';
import type { TestPod, TestWorld } from './config.ts';

const FLAT = '10.32.0.0/12';
const pod = (network: string, address: string, node = 'n1', project = 'k8s-test'): TestPod => ({
  network,
  address,
  node,
  project,
});

/** The networks of facts 1.1 and 1.2: the cluster's, and those of isolated namespaces x and y. */
const CLUSTER = {
  nodes: { n1: '192.0.2.1', n2: '192.0.2.2' },
  networks: {
    'ip-fabric': { id: 1, policies: ['fabric-np'] },
    pods: { id: 2, subnet: FLAT, policies: ['fabric-np', 'pod-service-np'] },
    services: { id: 3, subnet: '10.96.0.0/12', policies: ['fabric-np', 'service-np', 'pod-service-np'] },
    'x-pods': { id: 4, subnet: FLAT, policies: ['x-np', 'fabric-np', 'service-np'] },
    'x-services': { id: 5, subnet: '10.96.0.0/12', policies: ['x-np', 'fabric-np'] },
    'y-pods': { id: 6, subnet: FLAT, policies: ['y-np', 'fabric-np', 'service-np'] },
    'y-services': { id: 7, subnet: '10.96.0.0/12', policies: ['y-np', 'fabric-np'] },
    custom: { id: 8, overlapping: true, subnet: '10.9.0.0/24' },
  },
  policies: {
    'fabric-np': [['self', 'ip-fabric']],
    'service-np': [['self', 'services']],
    'pod-service-np': [['pods', 'services']],
    'x-np': [['x-pods', 'x-services']],
    'y-np': [['y-pods', 'y-services']],
  },
} as const satisfies TestWorld;

function compiled(world: TestWorld, node = 'n1') {
  return compile({ objects: worldObjects(world) }, node);
}

describe('passages', () => {
  const passages = new Set(compiled(CLUSTER).passages.map(({ from, to }) => `${from}>${to}`));

  test.each([
    ['pods reach the cluster’s services', 2, 3, true],
    ['an isolated namespace reaches its own services', 4, 5, true],
    ['and the cluster’s', 4, 3, true],
    ['and machines', 4, 1, true],
    ['machines reach an isolated namespace', 1, 4, true],
    ['and its services', 1, 5, true],
    ['the cluster’s pods do not reach an isolated namespace', 2, 4, false],
    ['nor its services', 2, 5, false],
    ['isolated namespaces do not reach each other', 4, 6, false],
    ['nor each other’s services', 4, 7, false],
    ['an isolated namespace does not reach the cluster’s pods', 4, 2, false],
    ['a network without a policy reaches itself', 8, 8, true],
    ['and nobody else', 8, 1, false],
  ])('%s', (_title, from, to, want) => {
    expect(passages.has(`${from}>${to}`)).toBe(want);
  });

  test.each([
    ['that denies', { action_list: { simple_action: 'deny' } }],
    ['for a part of a network', { src_addresses: [{ subnet: { ip_prefix: '10.32.0.0', ip_prefix_len: 24 } }] }],
    ['for a protocol that nobody knows', { protocol: 'nosuch' }],
    ['through a service chain', { action_list: { simple_action: 'pass', apply_service: ['default-domain:p:fw'] } }],
  ])('a rule %s grants nothing', (_title, change) => {
    const objects = worldObjects(CLUSTER);
    for (const [uuid, object] of objects) {
      const rules = (object['network_policy_entries'] as { policy_rule: object[] } | undefined)?.policy_rule;
      if (rules === undefined) continue;
      objects.set(uuid, {
        ...object,
        network_policy_entries: { policy_rule: rules.map((rule) => ({ ...rule, ...change })) },
      });
    }
    expect(compile({ objects }, 'n1').passages.filter(({ from, to }) => from !== to)).toEqual([]);
  });

  test('a one-way rule grants one way', () => {
    const objects = worldObjects({
      ...CLUSTER,
      networks: { a: { id: 10, policies: ['ab'] }, b: { id: 11, policies: ['ab'] } },
      policies: { ab: [['a', 'b']] },
    });
    for (const [uuid, object] of objects) {
      const rules = (object['network_policy_entries'] as { policy_rule: object[] } | undefined)?.policy_rule;
      if (rules !== undefined)
        objects.set(uuid, {
          ...object,
          network_policy_entries: { policy_rule: rules.map((rule) => ({ ...rule, direction: '>' })) },
        });
    }
    expect(compile({ objects }, 'n1').passages.filter(({ from, to }) => from !== to)).toEqual([{ from: 10, to: 11 }]);
  });
});

describe('endpoints', () => {
  const world: TestWorld = { ...CLUSTER, pods: { one: pod('pods', '10.32.0.1'), two: pod('pods', '10.32.0.2', 'n2') } };

  test('a node’s own interfaces are ports, others’ are remote addresses', () => {
    const state = compiled(world);
    expect(state.ports.map(({ vmi, addresses, network }) => ({ vmi, addresses, network }))).toEqual([
      { vmi: vmiOf('one'), addresses: ['10.32.0.1'], network: 2 },
    ]);
    expect(state.remotes).toEqual([{ address: '10.32.0.2', network: 2, node: '192.0.2.2' }]);
  });

  test('a machine elsewhere needs no virtual-machine object', () => {
    const objects = new Map(
      [...worldObjects(world)].filter(
        ([, { type, fq_name: name }]) => type !== 'virtual-machine' || name[0] !== 'k8s__test__two',
      ),
    );
    expect(compile({ objects }, 'n1').remotes).toHaveLength(1);
  });

  test('an id beyond fifteen bits makes no network', () => {
    const state = compiled({ ...world, networks: { ...CLUSTER.networks, pods: { id: 0x8000, subnet: FLAT } } });
    expect(state.ports).toEqual([]);
  });
});

function service(network: string, backends: readonly (readonly [string, number])[], project?: string) {
  return {
    vip: '10.96.0.10',
    network,
    ...(project === undefined ? {} : { project }),
    ports: [{ protocol: 'TCP', port: 80, backends }],
  };
}

function backendsOf(world: TestWorld) {
  return compiled(world).services.flatMap(({ backends }) => backends);
}

describe('services', () => {
  test('a service has the addresses of its members, sorted, with their networks', () => {
    const world: TestWorld = {
      ...CLUSTER,
      pods: { b: pod('pods', '10.32.0.2'), a: pod('pods', '10.32.0.1', 'n2') },
      services: {
        web: service('services', [
          ['b', 8080],
          ['a', 8080],
        ]),
      },
    };
    expect(backendsOf(world)).toEqual([
      { address: '10.32.0.1', port: 8080, network: 2 },
      { address: '10.32.0.2', port: 8080, network: 2 },
    ]);
  });

  test('whoever may reach the virtual address’s network may reach its back ends by the service alone', () => {
    const world: TestWorld = {
      ...CLUSTER,
      pods: { a: pod('pods', '10.32.0.1') },
      services: { web: service('services', [['a', 8080]]) },
    };
    const { servicePassages } = compiled(world);
    expect(servicePassages.map(({ from }) => from)).toEqual([1, 2, 3, 4, 6]);
    expect(new Set(servicePassages.map(({ to }) => to))).toEqual(new Set([2]));
  });

  test.each([
    ['192.0.2.77', [{ address: '192.0.2.77', port: 6443, network: 1 }], 'a machine'],
    ['10.47.0.1', [], 'an address of pods that no pod has'],
    ['127.0.0.1', [], 'loopback'],
    ['169.254.169.254', [], 'link-local'],
    ['10.32.0.9', [], 'a pod of another tenant, by its bare address'],
  ])('a member %s becomes %j: %s', (address, want) => {
    const world: TestWorld = {
      ...CLUSTER,
      pods: { foreign: pod('x-pods', '10.32.0.9') },
      services: { web: service('services', [[address, 6443]]) },
    };
    expect(backendsOf(world)).toEqual(want);
  });

  test('an interface of another project is no back end', () => {
    const world: TestWorld = {
      ...CLUSTER,
      pods: { foreign: pod('x-pods', '10.32.0.9', 'n1', 'k8s-x') },
      services: { web: service('services', [['foreign', 80]], 'k8s-evil') },
    };
    expect(backendsOf(world)).toEqual([]);
  });

  test('a member whose interface is not known yet waits', () => {
    const world: TestWorld = {
      ...CLUSTER,
      pods: { a: pod('pods', '10.32.0.1') },
      services: { web: service('services', [['a', 80]]) },
    };
    const objects = new Map([...worldObjects(world)].filter(([uuid]) => uuid !== vmiOf('a')));
    expect(compile({ objects }, 'n1').services.flatMap(({ backends }) => backends)).toEqual([]);
  });
});

describe('routers', () => {
  const [address, NAMES] = ['198.51.100.220', ['n1', 'n2'] as const];
  const world = { ...CLUSTER, routers: { egress: { networks: ['pods'], addresses: [address] } } } as const;
  const routed = (node: string, tenants?: ReadonlyMap<string, string>) => {
    const { egress, announcements } = compile({ objects: worldObjects(world) }, node, { tenants });
    return { via: egress.map(({ via }) => via), holders: announcements.map(({ holder }) => holder) };
  };

  test.each(NAMES)('translate at the node that is named for their address: %s', (named) => {
    const tenants = new Map([[address, named]]);
    const place = CLUSTER.nodes[named];
    for (const node of NAMES)
      expect(routed(node, tenants)).toEqual({ via: [node === named ? undefined : place], holders: [place] });
  });

  test('translate nowhere before a node is named', () => {
    expect(NAMES.map((node) => routed(node, new Map()).via)).toEqual([['192.0.2.2'], ['192.0.2.1']]);
  });

  test('translate at one node that all choose, where nobody names any', () => {
    const ways = NAMES.map((node) => routed(node));
    expect(ways.filter(({ via }) => via[0] === undefined)).toHaveLength(1);
    expect(ways.flatMap(({ holders }) => holders)).toEqual([undefined, undefined]);
  });
});

test('the same objects in another order give the same state', () => {
  const world: TestWorld = {
    ...CLUSTER,
    pods: { one: pod('pods', '10.32.0.1'), two: pod('x-pods', '10.32.0.2', 'n2') },
  };
  const objects = [...worldObjects(world)];
  expect(compile({ objects: new Map(objects.toReversed()) }, 'n1')).toEqual(
    compile({ objects: new Map(objects) }, 'n1'),
  );
});
