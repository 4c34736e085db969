/** Passages for some traffic only: what rules with protocols, ports and denials let through, in the order of their policies. */
import { describe, expect, test } from '@jest/globals';
import type { PolicyRule } from '../../contrail/objects.ts';
import { compile } from '../../vrouter/compile/compile.ts';
import type { Passage, Span, Traffic } from '../../vrouter/model/networks.ts';
import { worldObjects } from './config.ts';
import type { TestWorld } from './config.ts';

const [A, B] = [10, 11];
const ports = (start: number, end = start) => [{ start_port: start, end_port: end }];
const DENY: Partial<PolicyRule> = { action_list: { simple_action: 'deny' } };
const tcp = (start: number, end?: number): Partial<PolicyRule> => ({
  direction: '>',
  protocol: 'tcp',
  dst_ports: ports(start, end),
});

type Policies = NonNullable<TestWorld['policies']>;
type Attached = NonNullable<TestWorld['networks'][string]['policies']>;

function passagesOf(policies: Policies, a: Attached, b: Attached = a): readonly Passage[] {
  const networks = { a: { id: A, policies: a }, b: { id: B, policies: b } };
  return compile({ objects: worldObjects({ nodes: {}, networks, policies }) }, 'n1').passages;
}

interface Packet {
  readonly from: number;
  readonly to: number;
  readonly protocol: number;
  readonly source: number;
  readonly port: number;
}

/** `a>b tcp 80`: a new flow, from source port 40000 unless it says `from`. */
function packet(text: string): Packet {
  const [, from, to, protocol = '', port = '0', source = '40000'] =
    /^([ab])>([ab]) (\w+)(?: (\d+))?(?: from (\d+))?$/.exec(text) ?? [];
  const ends = { from: from === 'a' ? A : B, to: to === 'a' ? A : B };
  const numbers: Readonly<Record<string, number>> = { tcp: 6, udp: 17, icmp: 1, sctp: 132 };
  return { ...ends, protocol: numbers[protocol] ?? -1, source: Number(source), port: Number(port) };
}

function holds([first, last]: Span, value: number): boolean {
  return first <= value && value <= last;
}

function isPassed(passages: readonly Passage[], { from, to, protocol, source, port }: Packet): boolean {
  const passage = passages.find((each) => each.from === from && each.to === to);
  if (passage === undefined) return false;
  const matches = (box: Traffic) =>
    holds(box.protocols, protocol) && holds(box.sourcePorts, source) && holds(box.destinationPorts, port);
  return passage.limits === undefined || passage.limits.filter(matches).length === 1;
}

describe('what passes', () => {
  test.each<{ name: string; policies: Policies; a: Attached; b?: Attached; yes: string[]; no: string[] }>([
    {
      name: 'a port, one way',
      policies: { p: [['a', 'b', tcp(80)]] },
      a: ['p'],
      yes: ['a>b tcp 80', 'a>a tcp 25', 'b>b udp 1'],
      no: ['a>b tcp 81', 'a>b udp 80', 'a>b icmp', 'b>a tcp 80'],
    },
    {
      name: 'both ways a rule exchanges its ports with its ends, as on a Contrail controller',
      policies: { p: [['a', 'b', { ...tcp(80), direction: '<>' }]] },
      a: ['p'],
      yes: ['a>b tcp 80', 'b>a tcp 5000 from 80'],
      no: ['b>a tcp 80', 'a>b tcp 5000 from 80'],
    },
    {
      name: 'a range, and a source port',
      policies: { p: [['a', 'b', { ...tcp(8000, 8100), src_ports: ports(1024, 65_535) }]] },
      a: ['p'],
      yes: ['a>b tcp 8000', 'a>b tcp 8100'],
      no: ['a>b tcp 7999', 'a>b tcp 8101', 'a>b tcp 8000 from 1023'],
    },
    {
      name: 'any protocol with ports is any that has ports',
      policies: { p: [['a', 'b', { dst_ports: ports(53) }]] },
      a: ['p'],
      yes: ['a>b tcp 53', 'a>b udp 53', 'a>b sctp 53'],
      no: ['a>b tcp 54', 'a>b icmp'],
    },
    {
      name: 'ports say nothing of a protocol without ports; protocols may be numbers',
      policies: { p: [['a', 'b', { protocol: '1', dst_ports: ports(80) }]] },
      a: ['p'],
      yes: ['a>b icmp', 'b>a icmp'],
      no: ['a>b tcp 80'],
    },
    {
      name: 'the first rule that speaks of a packet decides: denied before passed',
      policies: {
        p: [
          ['a', 'b', { ...tcp(22), ...DENY }],
          ['a', 'b'],
        ],
      },
      a: ['p'],
      yes: ['a>b tcp 21', 'a>b tcp 23', 'a>b udp 22', 'b>a tcp 22', 'a>b icmp'],
      no: ['a>b tcp 22'],
    },
    {
      name: 'and passed before denied',
      policies: {
        p: [
          ['a', 'b', tcp(22)],
          ['a', 'b', DENY],
        ],
      },
      a: ['p'],
      yes: ['a>b tcp 22'],
      no: ['a>b tcp 23'],
    },
    {
      name: 'policies are asked by their sequence',
      policies: { open: [['a', 'b']], shut: [['a', 'b', { ...tcp(22), direction: '<>', ...DENY }]] },
      a: [
        ['shut', 1],
        ['open', 2],
      ],
      b: [['open', 0]],
      yes: ['a>b tcp 23'],
      no: ['a>b tcp 22'],
    },
    {
      name: 'at either end a denial counts, in that end’s own order',
      policies: { open: [['a', 'b']], shut: [['a', 'b', { ...tcp(22), ...DENY }]] },
      a: ['open'],
      b: [
        ['open', 1],
        ['shut', 0],
      ],
      yes: ['a>b tcp 23'],
      no: ['a>b tcp 22'],
    },
    {
      name: 'a denial behind a pass is not reached',
      policies: { open: [['a', 'b']], shut: [['a', 'b', { ...tcp(22), ...DENY }]] },
      a: [
        ['open', 0],
        ['shut', 1],
      ],
      b: ['open'],
      yes: ['a>b tcp 22'],
      no: [],
    },
    {
      name: 'of two policies at one place, the one that denies is asked first',
      policies: { 'a-open': [['a', 'b']], 'b-shut': [['a', 'b', { ...tcp(22), ...DENY }]] },
      a: ['a-open', 'b-shut'],
      b: ['a-open'],
      yes: ['a>b tcp 23'],
      no: ['a>b tcp 22'],
    },
    {
      name: 'a network may deny itself something',
      policies: { p: [['local', 'local', { ...tcp(25), ...DENY }]] },
      a: ['p'],
      b: [],
      yes: ['a>a tcp 24', 'b>b tcp 25'],
      no: ['a>a tcp 25'],
    },
    {
      name: '`local` is the network whose list it is, not every one that has the policy',
      policies: { p: [['local', 'local']] },
      a: ['p'],
      yes: ['a>a tcp 1'],
      no: ['a>b tcp 1'],
    },
    {
      name: '`any` is whoever has the policy too',
      policies: { p: [['local', 'any', { protocol: 'tcp' }]] },
      a: ['p'],
      yes: ['a>b tcp 1', 'b>a tcp 1'],
      no: ['a>b udp 1'],
    },
    {
      name: 'a denial that names a part of a network holds for all of it',
      policies: {
        p: [
          ['a', 'b', { ...DENY, dst_addresses: [{ subnet: { ip_prefix: '10.0.0.0', ip_prefix_len: 24 } }] }],
          ['a', 'b'],
        ],
      },
      a: ['p'],
      yes: [],
      no: ['a>b tcp 1'],
    },
    {
      name: 'rules that overlap pass each packet once',
      policies: {
        p: [
          ['a', 'b', tcp(80, 90)],
          ['a', 'b', tcp(85, 95)],
        ],
      },
      a: ['p'],
      yes: ['a>b tcp 80', 'a>b tcp 87', 'a>b tcp 95'],
      no: ['a>b tcp 96'],
    },
  ])('$name', ({ policies, a, b, yes, no }) => {
    const passages = passagesOf(policies, a, b);
    expect(yes.filter((text) => !isPassed(passages, packet(text)))).toEqual([]);
    expect(no.filter((text) => isPassed(passages, packet(text)))).toEqual([]);
  });
});

test('what is passed piece by piece, and whole in the end, is whole', () => {
  const passages = passagesOf(
    {
      p: [
        ['a', 'b', tcp(80)],
        ['a', 'b'],
      ],
    },
    ['p'],
  );
  expect(passages).toContainEqual({ from: A, to: B });
});
