/** What nodes are sent for the sake of floating addresses, as changes come: the same as when everything is looked at anew. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { StoredObject } from '../../../contrail/server/store/objects.ts';
import { type CacheChange, ConfigCache } from '../../../contrail/server/stream/cache.ts';
import { Guidance } from '../../../contrail/server/stream/guidance.ts';
import { NetworkPairs } from '../../../contrail/server/stream/pairs.ts';
import { affectedByAll, SpanTracker } from '../../../contrail/server/stream/tracker.ts';

const NODES = ['n0', 'n1'];

interface Shape {
  readonly fqName?: readonly string[];
  readonly parent?: string;
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly refs?: Readonly<Record<string, string>>;
}

function stored(type: string, uuid: string, { fqName, parent, properties = {}, refs = {} }: Shape = {}): StoredObject {
  return {
    type,
    uuid,
    fqName: fqName ?? [uuid],
    ...(parent === undefined ? {} : { parentType: '', parentUuid: parent }),
    created: '',
    modified: '',
    rev: '',
    properties,
    refs: Object.fromEntries(
      Object.entries(refs).map(([field, target]) => [`${field}_refs`, [{ uuid: target, to: [target], attr: null }]]),
    ),
    positions: {},
  };
}

/** One of two, which is in one of four forms. */
const PARTS: Readonly<Record<string, (at: number, form: number) => StoredObject>> = {
  router: (at, form) =>
    stored('virtual-router', `n${at}`, {
      fqName: ['default-global-system-config', `n${at}`],
      properties: { virtual_router_ip_address: `192.0.2.${at}` },
      refs: form > 1 ? {} : { virtual_machine: `machine-${form}` },
    }),
  machine: (at) => stored('virtual-machine', `machine-${at}`),
  network: (at, form) =>
    stored('virtual-network', `network-${at}`, {
      properties: {
        address_allocation_mode: `${form < 2 ? 'flat' : 'user-defined'}-subnet-only`,
        fabric_snat: form === 0,
      },
      refs: { network_ipam: `ipam-${at}`, ...(form === 3 ? { virtual_network: 'fabric' } : {}) },
    }),
  ipam: (at) => stored('network-ipam', `ipam-${at}`),
  port: (at, form) =>
    stored('virtual-machine-interface', `port-${at}`, {
      refs: { virtual_network: `network-${form % 2}`, ...(form > 1 ? {} : { virtual_machine: `machine-${at}` }) },
    }),
  address: (at) => stored('instance-ip', `address-${at}`, { refs: { virtual_machine_interface: `port-${at}` } }),
  outside: (at, form) =>
    stored('virtual-network', `outside-${at}`, {
      properties: { router_external: true, ...(form > 1 ? {} : { provider_properties: { physical_network: 'eth1' } }) },
    }),
  pool: (at) =>
    stored('floating-ip-pool', `pool-${at}`, { fqName: [`outside-${at}`, 'pool'], parent: `outside-${at}` }),
  floating: (at, form) =>
    stored('floating-ip', `floating-${at}`, {
      fqName: [`outside-${at}`, 'pool', `floating-${at}`],
      parent: `pool-${at}`,
      properties: form > 1 ? { floating_ip_traffic_direction: 'egress' } : {},
      refs: { virtual_machine_interface: `port-${form % 2}` },
    }),
};

/** A pool stays as long as it has floating IPs. */
const { pool: _stays, ...MOVING } = PARTS;

const change = fc.record({
  part: fc.constantFrom(...Object.values(MOVING)),
  at: fc.nat(1),
  form: fc.constantFrom(0, 0, 1, 1, 2, 3, undefined),
});

test('what has come and gone by changes is what is sent at once', () => {
  fc.assert(
    fc.property(fc.array(fc.array(change, { maxLength: 6 }), { minLength: 1, maxLength: 15 }), (rounds) => {
      const cache = new ConfigCache();
      const pairs = new NetworkPairs(cache);
      const guidance = new Guidance(cache, pairs);
      const deps = { cache, pairs, guidance };
      for (const part of Object.values(PARTS)) for (const at of [0, 1]) cache.put(part(at, at));
      guidance.reload();
      const trackers = NODES.map((node) => new SpanTracker(node, deps, 0));
      for (const [revision, changes] of rounds.entries()) {
        const made = changes.map(({ part, at, form }): CacheChange => {
          return form === undefined ? cache.delete(part(at, 0).uuid) : cache.put(part(at, form));
        });
        pairs.note(made);
        guidance.note(made);
        const affected = affectedByAll(cache, made);
        for (const [index, tracker] of trackers.entries()) {
          tracker.update(made, affected, revision + 1);
          expect(sent(tracker)).toEqual(sent(new SpanTracker(NODES[index], deps, 0)));
        }
      }
    }),
    { numRuns: 500 },
  );
});

function sent(tracker: SpanTracker): readonly string[] {
  return tracker
    .all()
    .map(({ uuid }) => uuid)
    .sort();
}
