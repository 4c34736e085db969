/** Refused connections as nft lists them, and as they are told. */
import { expect, test } from '@jest/globals';
import { dropsOf } from '../../vrouter/explain/drops.ts';
import { parseDrops } from '../../vrouter/linux/drops.ts';
import { marksOf } from '../../vrouter/linux/marks.ts';
import { compile } from '../../vrouter/compile/compile.ts';
import { groupName, networkName, worldObjects } from './config.ts';
import { receives } from './policy-rules.ts';

const FLAT = '10.32.0.0/12';
const STATE = compile(
  {
    objects: worldObjects({
      nodes: { n1: '192.0.2.1', n2: '192.0.2.2' },
      networks: {
        c: { id: 5, subnet: FLAT },
        o: { id: 103, overlapping: true, subnet: '10.9.0.0/24' },
        q: { id: 104, overlapping: true, subnet: '10.9.0.0/24' },
      },
      groups: { web: receives({ peer: '10.32.0.0/24' }) },
      pods: {
        web: { network: 'c', address: '10.32.0.1', node: 'n1', groups: ['web'] },
        far: { network: 'c', address: '10.32.0.2', node: 'n2' },
        o1: { network: 'o', address: '10.9.0.1', node: 'n1' },
        q1: { network: 'q', address: '10.9.0.1', node: 'n1' },
      },
    }),
  },
  'n1',
);
const MARKS = marksOf(STATE.networks);
const PAIR = MARKS.pair(5, 5);
const listing = (set: string, elements: string): string => `table inet opencontrail {
	set ${set} {
		size 4096
		flags dynamic,timeout
		timeout 10m
		${elements}
	}
}`;
const NOTED = [
  listing(
    'dropped_ingress4',
    `elements = { ${PAIR} . 10.32.0.2 . 10.32.0.1 . tcp . 80 counter packets 3 bytes 180 expires 9m50s10ms,
			     ${PAIR} . 10.32.0.9 . 10.32.0.1 . 253 . 8081 counter packets 1 bytes 60 expires 980ms }`,
  ),
  listing(
    'dropped_network4',
    `elements = { ${MARKS.of(103)} . 10.9.0.1 . 10.32.0.1 . udp . 53 counter packets 1 bytes 60 expires 10m }`,
  ),
  listing(
    'dropped_egress_other6',
    'elements = { 0x00000000 . fd00::2 . fd00::1 . ipv6-icmp counter packets 2 bytes 208 expires 2m3s }',
  ),
  listing('dropped_egress4', ''),
].flatMap(parseDrops);

test('elements are read with reason, ends, protocol, port and age', () => {
  const told = NOTED.map(({ reason, from, to, protocol, port, packets, secondsAgo }) =>
    [reason, from, to, protocol, port, packets, secondsAgo].join(' '),
  );
  expect(told).toEqual([
    'ingress 10.32.0.2 10.32.0.1 tcp 80 3 10',
    'ingress 10.32.0.9 10.32.0.1 253 8081 1 600',
    'network 10.9.0.1 10.32.0.1 udp 53 1 0',
    'egress fd00::2 fd00::1 ipv6-icmp  2 477',
  ]);
});

test('protocols have their names where nft knows numbers alone', () => {
  const elements = ['6 . 80', '132 . 9'].map((each) => `${PAIR} . 10.32.0.2 . 10.32.0.1 . ${each}`);
  const text = elements.map((each) => `${each} counter packets 1 bytes 60 expires 9m`).join(',');
  const other = `elements = { ${PAIR} . 10.32.0.2 . 10.32.0.1 . 1 counter packets 1 bytes 60 expires 9m }`;
  const listed = [listing('dropped_ingress4', `elements = { ${text} }`), listing('dropped_ingress_other4', other)];
  expect(listed.flatMap(parseDrops).map(({ protocol, port }) => [protocol, port])).toEqual([
    ['tcp', 80],
    ['sctp', 9],
    ['icmp', undefined],
  ]);
});

test('ends are told by their networks, of networks with the same addresses too, and the judge by its groups', () => {
  const [latest, byIngress] = dropsOf(NOTED, STATE);
  const [c, o] = ['c', 'o'].map((name) => networkName(name).join(':'));
  expect(latest).toMatchObject({
    reason: 'network',
    from: { address: '10.9.0.1', network: o },
    to: { address: '10.32.0.1', network: c },
    groups: [],
  });
  expect(byIngress).toMatchObject({ from: { network: c }, to: { network: c }, groups: [groupName('web')] });
});
