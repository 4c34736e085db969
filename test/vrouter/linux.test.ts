/** Text for the kernel: what changes between two states, what is read back, and which flows are forgotten. */
import { describe, expect, test } from '@jest/globals';
import { compile } from '../../vrouter/compile/compile.ts';
import { EMPTY_DOCUMENT, type IpEntry } from '../../vrouter/linux/document.ts';
import { tunnelLinkLocal, tunnelMac } from '../../vrouter/linux/tunnel.ts';
import { staleFlows } from '../../vrouter/linux/flows.ts';
import {
  hasLocalFirst,
  linkKeys,
  neighbourKeys,
  podMacs,
  podRoutes,
  routeKeys,
  ruleKeys,
} from '../../vrouter/linux/listing.ts';
import { deletionOf } from '../../vrouter/linux/names.ts';
import { render } from '../../vrouter/linux/render.ts';
import { documentText, transaction } from '../../vrouter/linux/transaction.ts';
import { vmiOf, worldObjects } from './config.ts';
import type { TestWorld } from './config.ts';
import { WORLD } from './lab/world.ts';

const OPTIONS = { device: 'ocvx0', vxlanPort: 4789 };

function documentOf(world: TestWorld, bound: readonly string[] = []) {
  const bindings = new Map(bound.map((pod) => [vmiOf(pod), `tap-${pod}`]));
  return render(compile({ objects: worldObjects(world) }, 'n1'), bindings, OPTIONS);
}

describe('a transaction', () => {
  test('from nothing loads the whole table in one script', () => {
    const { nft } = transaction(EMPTY_DOCUMENT, documentOf(WORLD));
    expect(nft.slice(0, 2)).toEqual(['add table inet opencontrail', 'delete table inet opencontrail']);
    expect(nft[2]).toMatch(/^table inet opencontrail \{\n/);
  });

  test('between equal states is empty', () => {
    const change = transaction(documentOf(WORLD, ['c1']), documentOf(WORLD, ['c1']));
    expect(change).toEqual({
      nft: [],
      isWhole: false,
      ip: { links: [], v4: { adds: [], dels: [] }, v6: { adds: [], dels: [] } },
    });
  });

  test('for a bound port touches that port alone', () => {
    const change = transaction(documentOf(WORLD), documentOf(WORLD, ['c1']));
    expect(change.nft).toEqual([
      'add element inet opencontrail port4 { 10.32.0.1 . "tap-c1" : 0x4f430005 }',
      'add element inet opencontrail here4 { 10.32.0.1 . 0x4f430005 : goto arrived }',
      'add element inet opencontrail own_pods4 { 10.32.0.1 }',
      'add element inet opencontrail hairpin4 { 10.32.0.1 . 10.32.0.1 }',
    ]);
    // Once in the flat table, once in that of the overlapping network that may talk with it.
    expect(change.ip.v4.adds.map(([, line]) => line)).toEqual([
      'neigh replace 10.32.0.1 lladdr 02:80:f5:40:5b:11 dev tap-c1 nud permanent',
      'route replace 10.32.0.1/32 dev tap-c1 src 192.0.2.1 table 29001 proto 79',
      'route replace 10.32.0.1/32 dev tap-c1 src 192.0.2.1 table 30102 proto 79',
    ]);
    expect(change.ip.v4.dels).toEqual([]);
  });

  test('replaces data by deleting and adding in one script', () => {
    const moved: TestWorld = {
      ...WORLD,
      pods: { ...WORLD.pods, c2: { network: 'd', address: '10.32.0.2', node: 'n2' } },
    };
    const lines = transaction(documentOf(WORLD), documentOf(moved)).nft;
    expect(lines).toContain('delete element inet opencontrail pods4 { 10.32.0.2 }');
    expect(lines).toContain('add element inet opencontrail pods4 { 10.32.0.2 : 0x4f430006 }');
  });

  test('declares a chain per number of back ends, never per service', () => {
    const services = Object.fromEntries(
      Array.from(
        { length: 100 },
        (_, i) =>
          [
            `s${i}`,
            {
              vip: `10.96.1.${i}`,
              network: 's',
              ports: [
                {
                  protocol: 'TCP',
                  port: 80,
                  backends: [
                    ['c1', 80],
                    ['c2', 80],
                  ],
                },
              ],
            },
          ] as const,
      ),
    );
    const { declarations, skeleton } = documentOf({ ...WORLD, services });
    expect([...declarations.keys()]).toEqual(['inner4_2']);
    expect(skeleton).toBe(documentOf(WORLD).skeleton);
  });
});

test('a node without overlapping networks asks no packet for its zone', () => {
  const { a: _a, b: _b, e: _e, g: _g, ...flat } = WORLD.networks;
  expect(documentOf({ ...WORLD, networks: flat }).skeleton).not.toContain('ct zone set');
});

test('nothing is rendered while the node’s address is unknown', () => {
  expect(documentOf({ ...WORLD, nodes: { n2: '192.0.2.2' } })).toBe(EMPTY_DOCUMENT);
});

test('what is rendered can be read as text', () => {
  expect(documentText(documentOf(WORLD))).toContain(
    'ip route replace 10.32.0.2/32 encap ip id 5 src 192.0.2.1 dst 192.0.2.2',
  );
});

test.each([
  ['192.0.2.1', '02:0c:c0:00:02:01', 'fe80::c:c000:201'],
  ['10.0.0.0', '02:0c:0a:00:00:00', 'fe80::c:a00:0'],
])('the tunnel’s addresses of %s', (address, mac, linkLocal) => {
  expect([tunnelMac(address), tunnelLinkLocal(address)]).toEqual([mac, linkLocal]);
});

const withEntries = (entries: Record<string, IpEntry>, v6: Record<string, IpEntry> = {}) => ({
  ...EMPTY_DOCUMENT,
  entries: { v4: new Map(Object.entries(entries)), v6: new Map(Object.entries(v6)) },
});

test('a MAC that changes comes first, and its interface’s neighbours are added again', () => {
  const neighbour = { add: 'neigh replace 10.9.1.9 …', del: 'neigh del 10.9.1.9 dev tap0', device: 'tap0' };
  const other = { add: 'neigh replace 10.9.1.8 …', del: 'neigh del 10.9.1.8 dev tap1', device: 'tap1' };
  const key = 'link tap0 06:00:00:00:00:01';
  const link = { add: 'link set dev tap0 address 06:00:00:00:00:01', del: deletionOf(key), device: 'tap0' };
  const before = withEntries({ 'neigh tap1 b': other, 'neigh tap0 a': neighbour }, { 'neigh tap0 c': neighbour });
  const after = withEntries({ 'neigh tap1 b': other, 'neigh tap0 a': neighbour, [key]: link });
  expect(transaction(before, after).ip).toEqual({
    links: [[key, 'link set dev tap0 address 06:00:00:00:00:01']],
    v4: { adds: [['neigh tap0 a', neighbour.add]], dels: [] },
    // It is gone already.
    v6: { adds: [], dels: [] },
  });
  expect(transaction(after, before).ip).toEqual({
    links: [[key, 'link set dev tap0 address 02:00:5e:00:01:01']],
    v4: { adds: [['neigh tap0 a', neighbour.add]], dels: [] },
    v6: { adds: [['neigh tap0 c', neighbour.add]], dels: [] },
  });
});

describe('what ip prints', () => {
  test('routes keep their prefix, also behind an encapsulation', () => {
    const text = [
      '10.32.0.1 dev tap0 table 29001 scope link src 192.0.2.1 ',
      '10.32.0.2  encap ip id 5 src 192.0.2.1 dst 192.0.2.2 ttl 0 tos 0 via 192.0.2.2 dev ocvx0 table 29001 src 192.0.2.1 onlink ',
      '10.96.0.0/12 dev ocvx0 table 29001 scope link ',
      'unreachable default table 30100 ',
    ].join('\n');
    expect(routeKeys(text, false)).toEqual([
      'route 29001 10.32.0.1/32',
      'route 29001 10.32.0.2/32',
      'route 29001 10.96.0.0/12',
      'route 30100 default',
    ]);
  });

  test('rules are ours by protocol or target; others are left alone', () => {
    const text =
      '0:\tfrom all lookup local\n90:\tfrom all fwmark 0x4f430000/0xffff0000 goto 1000 proto 79\n500:\tfrom all lookup 7\n32766:\tfrom all lookup main\n';
    expect(ruleKeys(text)).toEqual(['rule 90 fwmark 0x4f430000/0xffff0000 goto 1000']);
    expect(hasLocalFirst(text)).toBe(true);
  });

  test('addresses of pods here are those on their interfaces, once each, whatever the tables', () => {
    const text = [
      '10.32.0.1 dev tap0 table 29001 proto 79 scope link src 192.0.2.1 ',
      '10.32.0.1 dev tap0 table 30100 proto 79 scope link src 192.0.2.1 ',
      '10.32.0.2  encap ip id 5 src 192.0.2.1 dst 192.0.2.2 via 192.0.2.2 dev ocvx0 table 29001 onlink ',
      'unreachable default table 30100 proto 79 ',
      'fd00::1 dev tap0 table 29001 proto 79 metric 1024 pref medium',
    ].join('\n');
    expect(podRoutes(text)).toEqual([
      { address: '10.32.0.1', device: 'tap0' },
      { address: 'fd00::1', device: 'tap0' },
    ]);
    const neighbours =
      '10.32.0.1 dev tap0 lladdr 02:00:00:00:00:01 PERMANENT \n169.254.1.2 dev tap0 lladdr 06:00:00:00:00:02 PERMANENT \n192.0.2.2 dev ocvx0 lladdr 02:0c:c0:00:02:02 PERMANENT \n';
    expect(podMacs(neighbours)).toEqual(new Map([['tap0', '02:00:00:00:00:01']]));
  });

  test('interfaces of bridges are known by their MAC', () => {
    const text = ['02:00:5e:00:01:01', '06:00:00:00:00:01']
      .map((mac, index) => `${index + 7}: tap${index}@if2: <UP> mtu 1450 group 4079\\    link/ether ${mac} brd …`)
      .join('\n');
    expect(linkKeys(text)).toEqual(['link tap1 06:00:00:00:00:01']);
  });

  test('neighbours of other interfaces are left alone', () => {
    const text =
      '10.32.0.1 dev tap0 lladdr 02:00:00:00:00:01 PERMANENT \n192.0.2.7 dev eth0 lladdr 02:00:00:00:00:02 PERMANENT \n';
    expect(neighbourKeys(text, 'ocvx0')).toEqual(['neigh tap0 10.32.0.1']);
  });
});

describe('stale flows', () => {
  test('of an address that went, or changed its network', () => {
    const moved: TestWorld = {
      ...WORLD,
      pods: { ...WORLD.pods, c2: { network: 'd', address: '10.32.0.2', node: 'n2' } },
    };
    expect(staleFlows(documentOf(WORLD).sets, documentOf(moved).sets)).toEqual(
      expect.arrayContaining(['-D -s 10.32.0.2', '-D -d 10.32.0.2', '-D -r 10.32.0.2']),
    );
  });

  test('of an overlapping network only within its zone', () => {
    const { a2: _gone, ...pods } = WORLD.pods;
    expect(staleFlows(documentOf(WORLD).sets, documentOf({ ...WORLD, pods }).sets)).toEqual([
      '-D -s 10.9.0.2 -w 100',
      '-D -d 10.9.0.2 -w 100',
      '-D -r 10.9.0.2 -w 100',
    ]);
  });

  test('of an overlapping network that is here no more', () => {
    const { b: _network, ...networks } = WORLD.networks;
    const { b1: _one, b2: _two, ...pods } = WORLD.pods;
    const lines = staleFlows(documentOf(WORLD).sets, documentOf({ ...WORLD, networks, pods }).sets);
    expect(lines).toEqual(['-D -f ipv4 -w 101', '-D -f ipv6 -w 101']);
  });

  test('of a UDP back end that went, not of a TCP one', () => {
    const { web: _web, ...services } = WORLD.services;
    expect(staleFlows(documentOf(WORLD).sets, documentOf({ ...WORLD, services }).sets)).toEqual([
      '-D -p udp -d 10.96.0.10 --dport 53 -r 10.32.0.2',
    ]);
  });
});

test('a bound port leaves what services made as it is, to be known without a look at it', () => {
  const state = compile({ objects: worldObjects(WORLD) }, 'n1');
  const [before, after] = [[], ['c1']].map((bound) =>
    render(state, new Map(bound.map((pod) => [vmiOf(pod), `tap-${pod}`])), OPTIONS),
  );
  expect(after?.sets.get('inner_slots4_2')?.size).toBeGreaterThan(0);
  expect(after?.sets.get('inner_slots4_2')).toBe(before?.sets.get('inner_slots4_2'));
  expect(after?.sets.get('pods4')).not.toBe(before?.sets.get('pods4'));
});
