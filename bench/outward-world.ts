/** A node with a network whose pods may go outside, under the node's address: what benchmarks of the edges add pods to. */
import type { TestWorld } from '../test/vrouter/config.ts';

export const [NODE, OUTSIDE] = ['192.0.2.1', '192.0.2.9'] as const;

export const OUTWARD = {
  nodes: { n1: NODE },
  networks: {
    'ip-fabric': { id: 1, policies: ['fabric'] },
    c: { id: 5, subnet: '10.32.0.0/12', policies: ['fabric'], snat: true },
  },
  policies: { fabric: [['self', 'ip-fabric']] },
} as const satisfies TestWorld;
