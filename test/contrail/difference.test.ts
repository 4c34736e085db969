/** What counts as a difference between a desired object and what a server made of it. */
import { describe, expect, test } from '@jest/globals';
import { changedFields } from '../../contrail/difference.ts';
import type { ContrailObject } from '../../contrail/objects.ts';

const identity = { type: 'virtual-network', uuid: 'u', fq_name: ['d', 'p', 'n'] };

interface Row {
  readonly name: string;
  readonly desired: Record<string, unknown>;
  readonly observed: Record<string, unknown>;
  readonly want: Record<string, unknown>;
}

const rows: readonly Row[] = [
  {
    name: 'fields that the server added do not count',
    desired: { virtual_network_properties: { forwarding_mode: 'l3' } },
    observed: { virtual_network_properties: { forwarding_mode: 'l3', rpf: null }, virtual_network_network_id: 5 },
    want: {},
  },
  {
    name: 'a changed value is written whole',
    desired: { virtual_network_properties: { forwarding_mode: 'l3' } },
    observed: { virtual_network_properties: { forwarding_mode: 'l2' } },
    want: { virtual_network_properties: { forwarding_mode: 'l3' } },
  },
  {
    name: 'references are a set: their order does not count',
    desired: { network_policy_refs: [{ to: ['a'] }, { to: ['b'] }] },
    observed: {
      network_policy_refs: [
        { to: ['b'], uuid: 'x', attr: null },
        { to: ['a'], uuid: 'y', attr: null },
      ],
    },
    want: {},
  },
  {
    name: 'a reference too many is taken away',
    desired: { security_group_refs: [{ to: ['a'] }] },
    observed: { security_group_refs: [{ to: ['b'] }, { to: ['a'] }] },
    want: { security_group_refs: [{ to: ['a'] }] },
  },
  {
    name: 'the subnets that the server completed on a flat network do not count',
    desired: { network_ipam_refs: [{ to: ['i'], attr: { ipam_subnets: [] } }] },
    observed: { network_ipam_refs: [{ to: ['i'], attr: { ipam_subnets: [{ subnet_uuid: 's' }] } }] },
    want: {},
  },
  { name: 'null, an empty list and absence are one', desired: { a: null, b_refs: [] }, observed: {}, want: {} },
  { name: 'null takes a value away', desired: { a: { x: null } }, observed: { a: { x: 1 } }, want: { a: { x: null } } },
  {
    name: 'annotations of others are kept when ours are written',
    desired: { annotations: { key_value_pair: [{ key: 'owner', value: 'k8s' }] } },
    observed: { annotations: { key_value_pair: [{ key: 'note', value: 'mine' }] } },
    want: {
      annotations: {
        key_value_pair: [
          { key: 'note', value: 'mine' },
          { key: 'owner', value: 'k8s' },
        ],
      },
    },
  },
];

const refs = (...names: readonly string[]) => ({
  ...identity,
  network_policy_refs: names.map((name) => ({ to: [name] })),
});

describe('policies of a network', () => {
  test('those that others attached stay', () => {
    expect(changedFields(refs('a'), refs('a', 'theirs'))).toEqual({});
    expect(changedFields(refs('a', 'b'), refs('a', 'theirs'))).toEqual({
      network_policy_refs: [{ to: ['a'] }, { to: ['b'] }, { to: ['theirs'] }],
    });
  });
});

describe('changedFields', () => {
  test.each(rows)('$name', ({ desired, observed, want }) => {
    const [d, o]: readonly ContrailObject[] = [
      { ...identity, ...desired },
      { ...identity, ...observed },
    ];
    expect(changedFields(d!, o!)).toEqual(want);
  });
});
