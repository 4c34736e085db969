/** The pools that a node's ports are members of, as changes come: the same as when everything is looked at anew. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ConfigCache, type CacheChange } from '../../../contrail/server/stream/cache.ts';
import { ServedPools } from '../../../contrail/server/stream/served-pools.ts';
import type { StoredObject } from '../../../contrail/server/store/objects.ts';

const PORTS = ['port-0', 'port-1', 'port-2'];

interface Shape {
  readonly refs?: Readonly<Record<string, string>>;
  readonly parent?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

function stored(type: string, uuid: string, { refs = {}, parent, annotations = {} }: Shape): StoredObject {
  const pairs = Object.entries(annotations).map(([key, value]) => ({ key, value }));
  return {
    type,
    uuid,
    fqName: [uuid],
    ...(parent === undefined ? {} : { parentType: 'loadbalancer-pool', parentUuid: parent }),
    created: '',
    modified: '',
    rev: '',
    properties: { annotations: { key_value_pair: pairs } },
    refs: Object.fromEntries(
      Object.entries(refs).map(([field, target]) => [field, [{ uuid: target, to: [target], attr: null }]]),
    ),
    positions: {},
  };
}

/** A service's objects, each in one of two forms. */
const PARTS: Readonly<Record<string, (service: number, form: number) => StoredObject>> = {
  pool: (service, form) =>
    stored('loadbalancer-pool', `pool-${service}`, {
      refs: { loadbalancer_listener_refs: `listener-${form === 0 ? service : 0}` },
    }),
  listener: (service, form) =>
    stored('loadbalancer-listener', `listener-${service}`, {
      refs: { loadbalancer_refs: `balancer-${service}` },
      annotations: form === 0 ? {} : { nodePort: '30080' },
    }),
  balancer: (service) =>
    stored('loadbalancer', `balancer-${service}`, { refs: { virtual_machine_interface_refs: `vip-${service}` } }),
  vip: (service, form) =>
    stored('virtual-machine-interface', `vip-${service}`, { refs: { virtual_network_refs: `network-${form}` } }),
  floating: (service, form) =>
    stored('floating-ip', `floating-${service}`, {
      refs: { virtual_machine_interface_refs: `vip-${form === 0 ? service : 0}` },
    }),
  member: (service, form) => member(`member-${service}`, service, form),
  other: (service, form) => member(`other-${service}`, service, form + 1),
};

function member(uuid: string, service: number, port: number): StoredObject {
  return stored('loadbalancer-member', uuid, { parent: `pool-${service}`, annotations: { vmi: `port-${port}` } });
}

const change = fc.record({
  service: fc.nat(2),
  part: fc.constantFrom(...Object.values(PARTS)),
  form: fc.constantFrom(0, 1, undefined),
});
const round = fc.record({ changes: fc.array(change, { maxLength: 4 }), ports: fc.subarray(PORTS) });

test('what is served is the same as when everything is looked at anew, and a difference is told', () => {
  fc.assert(
    fc.property(fc.array(round, { minLength: 1, maxLength: 15 }), (rounds) => {
      const cache = new ConfigCache();
      const served = new ServedPools(cache);
      for (const { changes, ports } of rounds) {
        const before = said(served);
        const made = changes.map(({ service, part, form }): CacheChange => {
          if (form !== undefined) return cache.put(part(service, form));
          return cache.delete(part(service, 0).uuid);
        });
        const isTold = served.follow(made, new Set(ports));
        const anew = new ServedPools(cache);
        anew.follow([], new Set(ports));
        expect(said(served)).toEqual(said(anew));
        expect(isTold).toBe(JSON.stringify(before) !== JSON.stringify(said(served)));
      }
    }),
    { numRuns: 300 },
  );
});

function said(served: ServedPools): object {
  return { networks: [...served.networks()].sort(), isExposed: served.isExposed() };
}
