/** What `ipam check` finds in worlds that do, and do not, agree. */
import { describe, expect, test } from '@jest/globals';
import { compare, confirmed } from '../../../cli/ipam/compare.ts';
import type { ConfigPort, Finding, KernelPort, Observation, PodClaim } from '../../../cli/ipam/model.ts';

const FLAT = 'default-domain:k8s-default:k8s-default-pod-network';
const OVERLAPPING = 'default-domain:k8s-default:blue';

function pod(name: string, address: string, rest: Partial<PodClaim> & { network?: string } = {}): PodClaim {
  const { network = FLAT, ...over } = rest;
  const port = { name: 'eth0', vmi: `vmi-${name}`, network, networkId: 'n', mac: '02:00:00:00:00:01', dns: [], mtu: 0 };
  return {
    namespace: 'a',
    name,
    uid: `uid-${name}`,
    node: 'n1',
    phase: 'Running',
    isWanted: true,
    podIPs: [address],
    ports: { version: 1, uid: `uid-${name}`, interfaces: [{ ...port, ips: [`${address}/12`] }] },
    ...over,
  };
}

function inConfig(name: string, address: string, over: Partial<ConfigPort> = {}): ConfigPort {
  return {
    vmi: `vmi-${name}`,
    vm: `uid-${name}`,
    owner: `Pod/a/${name}`,
    network: FLAT,
    mac: '02:00:00:00:00:01',
    addresses: [address],
    ...over,
  };
}

function onNode(name: string, address: string, over: Partial<KernelPort> = {}): KernelPort {
  return {
    device: `tap${name}`,
    vmi: `vmi-${name}`,
    vm: `uid-${name}`,
    mac: '02:00:00:00:00:01',
    addresses: [address],
    ...over,
  };
}

function world(over: Partial<Observation> = {}): Observation {
  return {
    pods: [pod('x', '10.32.0.1')],
    config: [inConfig('x', '10.32.0.1')],
    nodes: [{ node: 'n1', ports: [onNode('x', '10.32.0.1')] }],
    unasked: [],
    flatNetworks: new Set([FLAT, 'other-flat']),
    ...over,
  };
}

const found = (observation: Observation) =>
  compare(observation).map(({ problem, place, holder, repair }) => [problem, place, holder, repair]);

describe('ipam check', () => {
  test('a world that agrees is clean, also with a pod that waits for a node', () => {
    const waiting = pod('w', '10.32.0.9', { isWanted: false, node: '', ports: undefined, podIPs: [] });
    expect(compare(world({ pods: [pod('x', '10.32.0.1'), waiting] }))).toEqual([]);
  });

  test.each<[string, Partial<Observation>, readonly (readonly [string, string, string, string | undefined])[]]>([
    [
      'a pod whose predecessor of the same name is still in the config database, told apart by UID',
      { config: [inConfig('x', '10.32.0.1'), inConfig('old', '10.32.0.2', { owner: 'Pod/a/x' })] },
      [['leaked', 'config', 'Pod/a/x', 'Pod/a/x']],
    ],
    [
      'a pod that has run to its end and did not give its address back',
      { pods: [pod('x', '10.32.0.1', { isWanted: false, phase: 'Succeeded' })] },
      [
        ['leaked', 'config', 'Pod/a/x', 'Pod/a/x'],
        ['leaked', 'kernel', 'n1/tapx', undefined],
      ],
    ],
    [
      'routes to an interface that nobody is bound to',
      {
        nodes: [
          { node: 'n1', ports: [onNode('x', '10.32.0.1'), { device: 'tapz', mac: '', addresses: ['10.32.0.7'] }] },
        ],
      },
      [['leaked', 'kernel', 'n1/tapz', undefined]],
    ],
    ['an address that the config database has lost', { config: [] }, [['missing', 'config', 'Pod/a/x', 'Pod/a/x']]],
    [
      'a pod that no node has plumbed',
      { nodes: [{ node: 'n1', ports: [] }] },
      [['missing', 'kernel', 'Pod/a/x', undefined]],
    ],
    [
      'a pod without ports',
      { pods: [pod('x', '10.32.0.1', { ports: undefined })] },
      [['missing', 'annotation', 'Pod/a/x', 'Pod/a/x']],
    ],
    [
      'another address in the config database',
      { config: [inConfig('x', '10.32.0.5')] },
      [['differs', 'config', 'Pod/a/x', 'Pod/a/x']],
    ],
    [
      'another MAC in the kernel',
      { nodes: [{ node: 'n1', ports: [onNode('x', '10.32.0.1', { mac: '02:00:00:00:00:02' })] }] },
      [['differs', 'kernel', 'Pod/a/x', undefined]],
    ],
    [
      'a status that tells another address than the annotation',
      { pods: [pod('x', '10.32.0.1', { podIPs: ['10.32.0.8'] })] },
      [['differs', 'annotation', 'Pod/a/x', undefined]],
    ],
  ])('finds %s', (_name, over, want) => {
    expect(found(world(over))).toEqual(want);
  });

  test('names both holders of an address, across networks that share one space, and wherever they hold it', () => {
    const findings = compare(
      world({
        pods: [pod('x', '10.32.0.1'), pod('y', '10.32.0.1', { network: 'other-flat', node: 'n2' })],
        config: [inConfig('x', '10.32.0.1')],
        nodes: [{ node: 'n1', ports: [onNode('x', '10.32.0.1')] }],
      }),
    ).filter(({ problem }) => problem === 'twice');
    expect(findings).toMatchObject([{ holder: 'Pod/a/x and Pod/a/y', addresses: ['10.32.0.1'] }]);
    expect(findings[0]?.repair).toBeUndefined();
  });

  test('one interface on two nodes holds its address twice', () => {
    const nodes = ['n1', 'n2'].map((node) => ({ node, ports: [onNode('x', '10.32.0.1')] }));
    expect(found(world({ nodes }))).toEqual([['twice', 'config', 'Pod/a/x', undefined]]);
  });

  test('overlapping networks may hold the same address', () => {
    const pods = [pod('x', '10.0.0.1', { network: OVERLAPPING }), pod('y', '10.0.0.1', { network: `${OVERLAPPING}2` })];
    const config = [
      inConfig('x', '10.0.0.1', { network: OVERLAPPING }),
      inConfig('y', '10.0.0.1', { network: `${OVERLAPPING}2` }),
    ];
    const nodes = [{ node: 'n1', ports: [onNode('x', '10.0.0.1'), onNode('y', '10.0.0.1')] }];
    expect(compare(world({ pods, config, nodes }))).toEqual([]);
  });

  test('a node that was not asked is no reason to find its pods missing', () => {
    expect(compare(world({ nodes: [], unasked: [{ node: 'n1', reason: 'gone' }] }))).toEqual([]);
  });

  test('only what two looks have seen is told', () => {
    const leak: Finding = {
      problem: 'leaked',
      place: 'config',
      holder: 'Pod/a/x',
      addresses: ['10.0.0.1'],
      detail: 'x',
    };
    expect(confirmed([leak], [{ ...leak, detail: 'y' }])).toEqual([{ ...leak, detail: 'y' }]);
    expect(confirmed([leak], [])).toEqual([]);
    expect(confirmed([], [leak])).toEqual([]);
  });
});
