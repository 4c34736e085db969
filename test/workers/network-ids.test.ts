/** Numbers of networks: which namespaces are told of a plan, and what a rebuild gives each network. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ContrailError } from '../../contrail/client.ts';
import { createNames } from '../../contrail/names.ts';
import type { Operation } from '../../contrail/plan.ts';
import { formatNetworkIds, parseNetworkIds } from '../../kubernetes/network-ids.ts';
import { networkIdsKeys } from '../../workers/network-ids.ts';
import { createRememberedIds, numbered } from '../../workers/remembered-ids.ts';
import { settings } from './settings-for-tests.ts';

const names = createNames({ cluster: 'k8s', domain: 'default-domain' });
const network = (namespace: string) => ({
  type: 'virtual-network',
  uuid: namespace,
  fq_name: names.podNetwork(namespace),
});
const inUse = (id: number): ContrailError => new ContrailError(409, `virtual network ID ${id} is in use`);

describe('the annotation', () => {
  test('reads what was written', () => {
    // No object of JSON has a key of that name.
    const name = fc.string().filter((text) => text !== '__proto__');
    const record = fc.dictionary(name, fc.integer({ min: 1 }), { noNullPrototype: true });
    fc.assert(fc.property(record, (ids) => expect(parseNetworkIds(formatNetworkIds(ids))).toEqual(ids)));
  });

  test.each([undefined, '', 'no JSON', '{"version":2,"ids":{"a":1}}', '{"version":1,"ids":{"a":"1"}}'])(
    'of %p says nothing',
    (text) => expect(parseNetworkIds(text)).toEqual({}),
  );

  test('is the same for the same numbers, and none where there are none', () => {
    expect(formatNetworkIds({ b: 2, a: 1 })).toBe(formatNetworkIds({ a: 1, b: 2 }));
    expect(formatNetworkIds({})).toBeUndefined();
  });
});

test('a plan that makes or takes a network concerns its namespace, once', () => {
  const operations: Operation[] = [
    { op: 'create', object: network('a') },
    { op: 'create', object: { ...network('a'), fq_name: names.serviceNetwork('a') } },
    { op: 'delete', object: network('b') },
    { op: 'update', object: network('c'), fields: {} },
    { op: 'create', object: { type: 'project', uuid: 'd', fq_name: names.project('d') } },
  ];
  expect(networkIdsKeys(operations, settings)).toEqual(['NetworkIds/a', 'NetworkIds/b']);
});

describe('a rebuild', () => {
  const remembered = new Map([
    [names.podNetwork('a').join(':'), 7],
    [names.podNetwork('b').join(':'), 2],
  ]);

  test('gives each network the number that is remembered', () => {
    const ids = createRememberedIds(remembered, [1]);
    expect(ids.idFor(names.podNetwork('a'))).toBe(7);
    expect(ids.idFor(names.podNetwork('b'))).toBe(2);
  });

  test('gives one that nobody remembers a number that is nobody else’s, and the same again', () => {
    const ids = createRememberedIds(remembered, [1]);
    expect(ids.idFor(names.podNetwork('new'))).toBe(3);
    expect(ids.idFor(names.podNetwork('newer'))).toBe(4);
    expect(ids.idFor(names.podNetwork('new'))).toBe(3);
  });

  test('gives another number where the server says that one is taken', () => {
    const ids = createRememberedIds(remembered, [1]);
    expect(ids.idFor(names.podNetwork('a'))).toBe(7);
    expect(ids.isTaken(inUse(7))).toBe(true);
    expect(ids.idFor(names.podNetwork('a'))).toBe(3);
    expect(ids.isTaken(new ContrailError(409, 'something else'))).toBe(false);
  });

  test('numbers the networks that it makes, and nothing else', () => {
    const ids = createRememberedIds(remembered, []);
    const [create, remove] = numbered(
      [
        { op: 'create', object: network('a') },
        { op: 'delete', object: network('b') },
      ],
      ids,
    );
    expect(create?.object).toMatchObject({ virtual_network_network_id: 7 });
    expect(remove?.object).toEqual(network('b'));
  });
});
