/** What a node tells of a flow beside the verdict: how its other end sees the sender. */
import { expect, test } from '@jest/globals';
import { compile } from '../../vrouter/compile/compile.ts';
import { indexConfig } from '../../vrouter/compile/following-index.ts';
import type { SourceVerdict } from '../../vrouter/explain/questions.ts';
import { verdictsOn } from '../../vrouter/explain/verdicts.ts';
import { type TestWorld, through, vmiOf, worldObjects } from './config.ts';

const OBJECTS = worldObjects({
  nodes: { n1: '192.0.2.1', n2: '192.0.2.2' },
  networks: {
    'ip-fabric': { id: 1 },
    c: { id: 5, subnet: '10.32.0.0/12', policies: ['open'] },
    d: { id: 6, subnet: 'fd00:32::/64', policies: ['open'] },
    o: { id: 103, overlapping: true, subnet: '10.9.0.0/24', policies: ['open'] },
    p: { id: 104, overlapping: true, subnet: 'fd00:9::/64', policies: ['open'] },
  },
  policies: { open: [['self', 'self']] },
  pods: {
    c1: { network: 'c', address: '10.32.0.1', node: 'n1' },
    c2: { network: 'c', address: '10.32.0.2', node: 'n2' },
    d2: { network: 'd', address: 'fd00:32::2', node: 'n2' },
    o1: { network: 'o', address: '10.9.0.1', node: 'n1' },
    p1: { network: 'p', address: 'fd00:9::1', node: 'n1' },
  },
});

test.each([
  ['c1', '10.32.0.2', '10.32.0.1', 'a pod, by its own'],
  ['o1', '10.32.0.2', '192.0.2.1', 'one whose address may be somebody else’s, by its node’s'],
  ['p1', 'fd00:32::2', 'fd6f:6370:6e69:1::c000:201', 'the same in IPv6, which the node has not, by what stands for it'],
])('%s is seen by %s as %s: %s', (from, to, seen) => {
  const state = compile({ objects: OBJECTS }, 'n1');
  const question = { end: 'source', vmi: vmiOf(from), to, protocol: 6, port: 80 } as const;
  const [verdict] = verdictsOn([question], { state, config: indexConfig(OBJECTS) });
  expect((verdict as SourceVerdict).ways.map(({ seenAs }) => seenAs.address)).toEqual([seen]);
});

const PROJECT = 'default-domain:k8s-test';
const SIDE = (network: string, address: string, of: readonly [string, string]) => ({
  network,
  address,
  node: 'n2',
  of,
});

/** `l` and `r` joined by services; `nat` has an instance, and `fw` may have one. */
function chainedWorld(hasFirewall: boolean): TestWorld {
  return {
    nodes: { n1: '192.0.2.1', n2: '192.0.2.2' },
    networks: {
      'ip-fabric': { id: 1 },
      l: { id: 100, overlapping: true, subnet: '10.9.1.0/24', policies: ['chain'] },
      r: { id: 101, overlapping: true, subnet: '10.9.2.0/24', policies: ['chain'] },
    },
    policies: { chain: [['l', 'r', { ...through('fw', 'nat'), direction: '>' }]] },
    pods: {
      l1: { network: 'l', address: '10.9.1.1', node: 'n1' },
      r1: { network: 'r', address: '10.9.2.1', node: 'n2' },
      fl: SIDE('l', '10.9.1.11', ['fw', 'left']),
      fr: SIDE('r', '10.9.2.11', ['fw', 'right']),
      nl: SIDE('l', '10.9.1.12', ['nat', 'left']),
      nr: SIDE('r', '10.9.2.12', ['nat', 'right']),
    },
    chained: {
      fw: { mode: 'in-network', instances: hasFirewall ? [['fl', 'fr']] : [] },
      nat: { mode: 'in-network-nat', instances: [['nl', 'nr']] },
    },
  };
}

test('a flow between networks that services join passes them, and is seen by the last one’s address where that translates', () => {
  expect(wayFromLeft(true)).toMatchObject({
    passing: 'chained',
    by: [`${PROJECT}:fw`, `${PROJECT}:nat`],
    seenAs: { address: '10.9.2.12', network: `${PROJECT}:r` },
  });
});

test('where a service has no instance nothing passes', () => {
  expect(wayFromLeft(false)).toMatchObject({ passing: 'unserved', by: [`${PROJECT}:fw`] });
});

function wayFromLeft(hasFirewall: boolean): SourceVerdict['ways'][number] | undefined {
  const objects = worldObjects(chainedWorld(hasFirewall));
  const question = { end: 'source', vmi: vmiOf('l1'), to: '10.9.2.1', protocol: 6, port: 80 } as const;
  const known = { state: compile({ objects }, 'n1'), config: indexConfig(objects) };
  return (verdictsOn([question], known)[0] as SourceVerdict).ways[0];
}

test('nobody begins a flow from behind a service that translates', () => {
  const objects = worldObjects(chainedWorld(true));
  const question = { end: 'source', vmi: vmiOf('r1'), to: '10.9.1.1', protocol: 6, port: 80 } as const;
  const known = { state: compile({ objects }, 'n2'), config: indexConfig(objects) };
  expect((verdictsOn([question], known)[0] as SourceVerdict).ways[0]?.passing).toBe('unconnected');
});
