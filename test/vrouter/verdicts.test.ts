/** What a node tells of a flow beside the verdict: how its other end sees the sender. */
import { expect, test } from '@jest/globals';
import { compile } from '../../vrouter/compile/compile.ts';
import { indexConfig } from '../../vrouter/compile/index-config.ts';
import type { SourceVerdict } from '../../vrouter/explain/questions.ts';
import { verdictsOn } from '../../vrouter/explain/verdicts.ts';
import { vmiOf, worldObjects } from './config.ts';

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
