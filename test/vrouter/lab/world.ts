/**
 * The world of the packet tests: flat networks c and h (which may talk) and d (which may not), overlapping networks a, b
 * and e with the same addresses (e may talk with c and with services), and g, whose addresses are the nodes' own.
 */
import type { TestPod, TestWorld } from '../config.ts';

const FLAT = '10.32.0.0/12';
const OVERLAP = '10.9.0.0/24';
const pod = (network: string, address: string, node: string): TestPod => ({ network, address, node });

export const WORLD = {
  nodes: { n1: '192.0.2.1', n2: '192.0.2.2' },
  networks: {
    'ip-fabric': { id: 1, policies: ['fabric'] },
    c: { id: 5, subnet: FLAT, policies: ['fabric', 'services', 'friends', 'mixed'] },
    d: { id: 6, subnet: FLAT, policies: ['fabric'] },
    s: { id: 7, subnet: '10.96.0.0/12', policies: ['fabric', 'services'] },
    h: { id: 8, subnet: FLAT, policies: ['friends'] },
    a: { id: 100, overlapping: true, subnet: OVERLAP },
    b: { id: 101, overlapping: true, subnet: OVERLAP },
    e: { id: 102, overlapping: true, subnet: OVERLAP, policies: ['mixed', 'services'] },
    g: { id: 200, overlapping: true, subnet: '192.0.2.0/24' },
  },
  policies: { fabric: [['self', 'ip-fabric']], services: [['self', 's']], friends: [['c', 'h']], mixed: [['c', 'e']] },
  pods: {
    c1: pod('c', '10.32.0.1', 'n1'),
    c2: pod('c', '10.32.0.2', 'n2'),
    c3: { ...pod('c', '10.32.0.3', 'n1'), probe: '240.0.0.3' },
    d1: pod('d', '10.32.0.11', 'n1'),
    d2: pod('d', '10.32.0.12', 'n2'),
    h1: pod('h', '10.32.0.21', 'n1'),
    h2: pod('h', '10.32.0.22', 'n2'),
    a1: { ...pod('a', '10.9.0.1', 'n1'), probe: '240.0.0.1' },
    a2: pod('a', '10.9.0.2', 'n2'),
    b1: { ...pod('b', '10.9.0.1', 'n1'), probe: '240.0.0.2' },
    b2: pod('b', '10.9.0.2', 'n2'),
    e1: pod('e', '10.9.0.1', 'n1'),
    e2: pod('e', '10.9.0.2', 'n2'),
    g1: pod('g', '192.0.2.1', 'n1'),
    g2: pod('g', '192.0.2.2', 'n2'),
  },
  services: {
    web: {
      vip: '10.96.0.10',
      network: 's',
      ports: [
        {
          protocol: 'TCP',
          port: 80,
          backends: [
            ['c1', 8080],
            ['c2', 8080],
          ],
        },
        { protocol: 'TCP', port: 81, backends: [] },
        { protocol: 'UDP', port: 53, backends: [['c2', 9000]] },
      ],
    },
    own: { vip: '10.96.0.11', network: 's', ports: [{ protocol: 'TCP', port: 80, backends: [['c1', 8080]] }] },
    outside: {
      vip: '10.96.0.1',
      network: 's',
      ports: [{ protocol: 'TCP', port: 443, backends: [['192.0.2.9', 6443]] }],
    },
    node: { vip: '10.96.0.2', network: 's', ports: [{ protocol: 'TCP', port: 443, backends: [['192.0.2.2', 6443]] }] },
  },
} as const satisfies TestWorld;

export const OUTSIDE = '192.0.2.9';
