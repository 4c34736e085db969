/** What a VirtualNetwork becomes. */
import { describe, expect, test } from '@jest/globals';
import { desiredVirtualNetwork, poolsOf } from '../../contrail/desired/virtual-network.ts';
import { createNames } from '../../contrail/names.ts';
import { plan } from '../../contrail/plan.ts';

const naming = { cluster: 'k8s', names: createNames({ cluster: 'k8s', domain: 'default-domain' }) };
const cidr = '10.20.0.0/24';
const range = (start: string, end = start) => ({ start, end });

describe('poolsOf', () => {
  test.each([
    { name: 'nothing said leaves it to the server', subnet: { cidr }, want: [] },
    {
      name: 'pools are taken as they are',
      subnet: { cidr, allocationPools: [range('10.20.0.10', '10.20.0.20')] },
      want: [range('10.20.0.10', '10.20.0.20')],
    },
    {
      name: 'what is excluded is cut out of the whole subnet',
      subnet: { cidr, excluded: [range('10.20.0.100', '10.20.0.110')] },
      want: [range('10.20.0.1', '10.20.0.99'), range('10.20.0.111', '10.20.0.254')],
    },
    {
      name: 'what is excluded is cut out of pools, at either end and in the middle',
      subnet: {
        cidr,
        allocationPools: [range('10.20.0.10', '10.20.0.20'), range('10.20.0.30', '10.20.0.40')],
        excluded: [range('10.20.0.1', '10.20.0.12'), range('10.20.0.35'), range('10.20.0.40', '10.20.0.50')],
      },
      want: [range('10.20.0.13', '10.20.0.20'), range('10.20.0.30', '10.20.0.34'), range('10.20.0.36', '10.20.0.39')],
    },
    {
      name: 'IPv6, up to the last address',
      subnet: { cidr: 'fd00::/120', excluded: [range('fd00::10', 'fd00::1f')] },
      want: [range('fd00::1', 'fd00::f'), range('fd00::20', 'fd00::ff')],
    },
  ])('$name', ({ subnet, want }) => expect(poolsOf(subnet)).toEqual(want));

  test('refuses a subnet of which nothing is left', () => {
    const all = {
      cidr,
      allocationPools: [range('10.20.0.10', '10.20.0.20')],
      excluded: [range('10.20.0.1', '10.20.0.99')],
    };
    expect(() => poolsOf(all)).toThrow('every address of its pools is excluded');
    const backwards = { cidr, allocationPools: [range('10.20.0.40', '10.20.0.30')] };
    expect(() => poolsOf(backwards)).toThrow(
      'subnet 10.20.0.0/24: the range 10.20.0.40 to 10.20.0.30 ends before it starts; swap them',
    );
  });
});

function networkOf(subnet: object) {
  const subnets = [{ cidr, ...subnet }];
  return desiredVirtualNetwork({ namespace: 'dev', name: 'blue', subnets, snat: false, forwarding: false }, naming);
}

test('a subnet that has no pools any more gives away the whole of it', () => {
  const [whole, before] = [networkOf({}), networkOf({ excluded: [range('10.20.0.100')] })];
  const written = { network_ipam_refs: [{ attr: { ipam_subnets: [{ allocation_pools: [] }] } }] };
  expect(plan(whole, before)).toMatchObject([{ op: 'update', fields: written }]);
  // As a server that leaves out what is empty answers.
  const answered = JSON.parse(JSON.stringify(whole).replace(',"allocation_pools":[]', '')) as typeof whole;
  expect(JSON.stringify(answered)).not.toContain('allocation_pools');
  expect(plan(whole, answered)).toEqual([]);
});

test('is a network with subnets of its own under its own name, and an ipam beside it', () => {
  const subnets = [{ cidr, gateway: '10.20.0.254' }];
  const objects = desiredVirtualNetwork(
    { namespace: 'dev', name: 'blue', subnets, snat: false, forwarding: false },
    naming,
  );
  expect(objects).toMatchObject([
    { type: 'network-ipam', fq_name: ['default-domain', 'k8s-dev', 'blue-ipam'] },
    {
      type: 'virtual-network',
      fq_name: ['default-domain', 'k8s-dev', 'blue'],
      address_allocation_mode: 'user-defined-subnet-only',
      network_ipam_refs: [
        {
          attr: {
            ipam_subnets: [{ subnet: { ip_prefix: '10.20.0.0', ip_prefix_len: 24 }, default_gateway: '10.20.0.254' }],
          },
        },
      ],
    },
  ]);
  expect(objects.every((object) => !('network_policy_refs' in object))).toBe(true);
});
