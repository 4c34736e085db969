/** Which pool serves a Service of type LoadBalancer, and what becomes of the addresses that it asks for. */
import { describe, expect, test } from '@jest/globals';
import { PLAIN_TRAFFIC } from '../../contrail/traffic.ts';
import type { SlimFloatingIpPool } from '../../kubernetes/floating-ip-pool.ts';
import type { SlimNode } from '../../kubernetes/objects.ts';
import { TerminalError } from '../../runtime/errors.ts';
import { beneficiaryOf, externalInputs } from '../../workers/desired/external.ts';
import type { BalancerRequest, WorkerService } from '../../workers/services.ts';
import { settings } from './settings-for-tests.ts';

const pool = (name: string, more: Partial<SlimFloatingIpPool> = {}): SlimFloatingIpPool => ({
  name,
  uid: name,
  created: '2026-01-01T00:00:00Z',
  generation: 1,
  status: undefined,
  subnets: [{ cidr: '192.0.2.0/24' }],
  ...more,
});

interface Given {
  readonly balancer?: Partial<BalancerRequest>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly clusterIPs?: readonly string[];
  readonly pools?: readonly SlimFloatingIpPool[];
  readonly nodes?: readonly SlimNode[];
}

function inputFor(given: Given) {
  return inputsFor(given)[0];
}

function inputsFor({
  balancer = {},
  annotations = {},
  clusterIPs = ['10.96.0.7'],
  pools = [pool('b'), pool('a')],
  nodes = [],
}: Given) {
  const service: WorkerService = {
    namespace: 'dev',
    name: 'web',
    uid: 'u',
    type: 'LoadBalancer',
    clusterIPs,
    ports: [],
    annotations,
    labels: {},
    traffic: PLAIN_TRAFFIC,
    balancer: { assigned: [], ...balancer },
  };
  const namespace = { name: 'dev', created: '', uid: 'n', annotations: {}, labels: {} };
  return externalInputs({ service, namespace, pools, nodes }, settings);
}

const FIP_POOL = 'opencontrail.org/fip-pool';

const OTHER = pool('other', { subnets: [{ cidr: '198.51.100.0/24' }] });
const part = (name: string, first: number): SlimFloatingIpPool => {
  const allocationPools = [{ start: `192.0.2.${first}`, end: `192.0.2.${first + 9}` }];
  return pool(name, { subnets: [{ cidr: '192.0.2.0/24', allocationPools }] });
};

describe('the pool', () => {
  test.each<[string, Given, string | undefined]>([
    ['the first by name', {}, 'a'],
    ['the one that the annotation names', { annotations: { [FIP_POOL]: 'b' } }, 'b'],
    [
      'also in Contrail’s spelling',
      { annotations: { [FIP_POOL]: "{'domain': 'd', 'project': 'p', 'name': 'b'}" } },
      'b',
    ],
    [
      'one that is open to the namespace',
      { pools: [pool('a', { namespaces: ['x'] }), pool('b', { namespaces: ['dev'] })] },
      'b',
    ],
    [
      'one of the class',
      { balancer: { class: 'e/f' }, pools: [pool('a'), pool('c', { loadBalancerClass: 'e/f' })] },
      'c',
    ],
    [
      'the one that has the address which is asked for',
      { balancer: { requested: '198.51.100.7' }, pools: [pool('a'), OTHER] },
      'other',
    ],
    [
      'the one whose address the Service has, though another has come before it',
      { balancer: { assigned: ['198.51.100.7'] }, pools: [pool('a'), OTHER] },
      'other',
    ],
    [
      'of two that share a subnet the one that gives the address away',
      { balancer: { assigned: ['192.0.2.30'] }, pools: [part('a', 10), part('b', 30)] },
      'b',
    ],
    [
      'the one that the annotation names, whatever the Service has',
      { balancer: { assigned: ['192.0.2.7'] }, pools: [pool('a'), OTHER], annotations: { [FIP_POOL]: 'other' } },
      'other',
    ],
    ['none, where the class is another’s', { balancer: { class: 'others/lb' } }, undefined],
    ['none, where all pools have classes', { pools: [pool('c', { loadBalancerClass: 'e/f' })] }, undefined],
  ])('is %s', (_title, given, want) => {
    expect(inputFor(given)?.pool.at(-1)).toBe(want);
  });

  const SIX = pool('a6', { subnets: [{ cidr: '2001:db8::/64' }] });
  const both = { clusterIPs: ['10.96.0.7', 'fd00:96::7'] };

  test.each<[string, Given, string]>([
    ['all others, by name', { pools: [OTHER, pool('b'), pool('a')] }, 'a b other'],
    ['none that is closed to the namespace', { pools: [pool('a'), pool('b', { namespaces: ['x'] })] }, 'a'],
    ['none of another class', { pools: [pool('a'), pool('c', { loadBalancerClass: 'e/f' })] }, 'a'],
    ['none without the family', { pools: [SIX, pool('a'), pool('b')] }, 'a b'],
    ['those that have one of its families', { ...both, pools: [SIX, pool('a')] }, 'a a6'],
    ['nobody where the annotation names one', { annotations: { [FIP_POOL]: 'a' } }, 'a'],
    ['nobody where it has an address', { balancer: { assigned: ['192.0.2.7'] }, pools: [OTHER, pool('a')] }, 'a'],
    ['nobody where it wants an address', { balancer: { requested: '192.0.2.7' }, pools: [OTHER, pool('a')] }, 'a'],
  ])('is followed by %s', (_title, given, want) => {
    expect(
      inputsFor(given)
        .map(({ pool: name }) => name.at(-1))
        .join(' '),
    ).toBe(want);
  });

  test.each<[string, Given]>([
    ['an annotation that names none', { annotations: { [FIP_POOL]: 'c' } }],
    ['pools of other namespaces', { pools: [pool('a', { namespaces: ['x'] })] }],
  ])('is missed, and said so, for %s', (_title, given) => {
    expect(() => inputFor(given)).toThrow(TerminalError);
  });
});

describe('addresses', () => {
  test('the config API chooses where nothing is asked for', () => {
    expect(inputFor({})?.addresses).toEqual([{ family: 'v4' }]);
  });

  test('what was given is kept, and what is asked for comes first', () => {
    const assigned = ['192.0.2.7'];
    expect(inputFor({ balancer: { assigned } })?.addresses).toEqual([{ family: 'v4', address: '192.0.2.7' }]);
    expect(inputFor({ balancer: { assigned, requested: '192.0.2.9' } })?.addresses).toEqual([
      { family: 'v4', address: '192.0.2.9' },
    ]);
  });

  test('what another pool gave is given back', () => {
    expect(inputFor({ balancer: { assigned: ['198.51.100.7'] } })?.addresses).toEqual([{ family: 'v4' }]);
  });

  test('an address that is not the pool’s is refused with the mend', () => {
    expect(() => inputFor({ balancer: { requested: '198.51.100.7' } })).toThrow(
      /198\.51\.100\.7.*192\.0\.2\.0\/24.*choose/,
    );
  });

  test('what is no address at all is refused with the mend', () => {
    expect(() => inputFor({ balancer: { requested: 'any' } })).toThrow(/any is not in pool a.*choose/);
  });

  test('a node’s is refused, unless it was given before the node came', () => {
    const addresses = ['192.0.2.9'];
    const nodes = [{ name: 'n1', uid: 'n1', internalIPs: addresses, addresses, labels: {} }];
    expect(() => inputFor({ balancer: { requested: '192.0.2.9' }, nodes })).toThrow(/192\.0\.2\.9.*node n1.*choose/);
    expect(inputFor({ balancer: { requested: '192.0.2.9', assigned: addresses }, nodes })?.addresses).toEqual([
      { family: 'v4', address: '192.0.2.9' },
    ]);
  });

  test('one of a family that the Service or the pool has not is refused with the mend', () => {
    const both = [pool('a', { subnets: [{ cidr: '192.0.2.0/24' }, { cidr: '2001:db8::/64' }] })];
    expect(() => inputFor({ pools: both, balancer: { requested: '2001:db8::7' } })).toThrow(
      /2001:db8::7.*PreferDualStack/,
    );
    expect(() => inputFor({ clusterIPs: ['fd00:96::7'] })).toThrow(/pool a \(192\.0\.2\.0\/24\).*spec\.ipFamilies/);
  });

  test('there is one for each family that both have', () => {
    const clusterIPs = ['10.96.0.7', 'fd00:96::7'];
    expect(inputFor({ clusterIPs })?.addresses).toEqual([{ family: 'v4' }]);
    const both = [pool('a', { subnets: [{ cidr: '192.0.2.0/24' }, { cidr: '2001:db8::/64' }] })];
    expect(inputFor({ clusterIPs, pools: both })?.addresses).toEqual([{ family: 'v4' }, { family: 'v6' }]);
  });
});

describe('whose pools serve', () => {
  const annotations = { 'opencontrail.org/gateway': 'shop/web' };

  test.each([
    ['a Service', { namespace: 'dev', annotations: {} }, 'dev'],
    ['what the proxy has made for a Gateway', { namespace: 'opencontrail', annotations }, 'shop'],
    ['what only says so', { namespace: 'dev', annotations }, 'dev'],
  ])('%s', (_what, service, namespace) => {
    expect(beneficiaryOf(service, settings)).toBe(namespace);
  });
});
