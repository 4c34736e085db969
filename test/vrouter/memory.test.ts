/** Compiling with a memory of what was compiled before: the same as without, whatever changed in between. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ContrailObject } from '../../contrail/objects.ts';
import { compile } from '../../vrouter/compile/compile.ts';
import { createMemory } from '../../vrouter/compile/memory.ts';
import type { Balanced } from '../../vrouter/compile/services.ts';
import { type TestWorld, worldObjects } from './config.ts';
import { WORLD } from './lab/world.ts';

/** With a back end that is named by its address: whose that is, other objects say. */
const BASE: TestWorld & { readonly pods: typeof WORLD.pods } = {
  ...WORLD,
  services: {
    ...WORLD.services,
    named: { vip: '10.96.0.3', network: 's', ports: [{ protocol: 'TCP', port: 80, backends: [['10.32.0.2', 8080]] }] },
  },
};

/** The same objects, all of them with something else in them. */
const OTHER: TestWorld = {
  ...BASE,
  nodes: { n1: '192.0.2.11', n2: '192.0.2.12' },
  pods: Object.fromEntries(
    Object.entries(BASE.pods).map(([name, pod], index) => [
      name,
      { ...pod, network: index % 3 === 0 ? 'h' : pod.network, node: index % 2 === 0 ? 'n1' : 'n2' },
    ]),
  ),
  services: {
    ...BASE.services,
    web: {
      vip: '10.96.0.10',
      network: 's',
      traffic: { internalLocal: true },
      floating: ['198.51.100.1'],
      ports: [
        {
          protocol: 'TCP',
          port: 80,
          nodePort: 30080,
          backends: [
            ['c1', 8081],
            ['c2', 8080, 'draining'],
          ],
        },
        { protocol: 'UDP', port: 53, backends: [['h2', 9000]] },
      ],
    },
  },
};
const COMMON = worldObjects(BASE);
const CHANGED = worldObjects(OTHER);
const UUIDS = [...new Set([...COMMON.keys(), ...CHANGED.keys()])].sort();

const change = fc.record({
  uuid: fc.constantFrom(...UUIDS),
  to: fc.constantFrom('common', 'changed', 'absent'),
});
/** Members, and interfaces. */
const unwellOnes = fc.uniqueArray(fc.constantFrom(...UUIDS), { maxLength: 20 });
const changes = fc.array(change, { minLength: 1, maxLength: 4 });

function put(objects: Map<string, ContrailObject>, { uuid, to }: { uuid: string; to: string }): void {
  const object = to === 'absent' ? undefined : (to === 'common' ? COMMON : CHANGED).get(uuid);
  if (object === undefined) objects.delete(uuid);
  else objects.set(uuid, object);
}

describe('a memory', () => {
  test('changes nothing in what is compiled', () => {
    fc.assert(
      fc.property(
        fc.array(changes, { minLength: 1, maxLength: 12 }),
        fc.boolean(),
        fc.boolean(),
        unwellOnes,
        (rounds, isTold, isDead, unwell) => {
          const memory = createMemory<Balanced>();
          const objects = new Map(COMMON);
          rounds.forEach((round, index) => {
            round.forEach((each) => put(objects, each));
            const dead = new Set(isDead && index % 2 === 1 ? ['n2'] : []);
            const unhealthy = new Set(unwell.slice(index));
            const options = { dead, unhealthy };
            // The first time everything has changed.
            const changed = new Set(index === 0 ? objects.keys() : round.map(({ uuid }) => uuid));
            const known = isTold ? { objects, changed } : { objects };
            expect(compile(known, 'n1', { ...options, memory })).toEqual(compile({ objects }, 'n1', options));
          });
        },
      ),
      { numRuns: 60 },
    );
  });

  test('keeps what a change does not concern, and that alone', () => {
    const memory = createMemory<Balanced>();
    const objects = new Map(COMMON);
    const compiled = (unhealthy = new Set<string>()) =>
      new Map(compile({ objects }, 'n1', { memory, unhealthy }).services.map((each) => [each.vip, each]));
    const [before, again] = [compiled(), compiled()];
    expect(again.get('10.96.0.11')).toBe(before.get('10.96.0.11'));
    const member = [...objects.values()].find(
      ({ type, uuid }) => type === 'loadbalancer-member' && CHANGED.get(uuid) !== undefined && isOfWeb(objects, uuid),
    );
    const without = compiled(new Set([member?.uuid ?? '']));
    expect(without.get('10.96.0.11')).toBe(before.get('10.96.0.11'));
    expect(without.get('10.96.0.10')).not.toBe(before.get('10.96.0.10'));
    objects.delete(member?.uuid ?? '');
    const after = compiled();
    expect(after.get('10.96.0.11')).toBe(before.get('10.96.0.11'));
    expect(after.get('10.96.0.10')).not.toBe(before.get('10.96.0.10'));
  });
});

function isOfWeb(objects: ReadonlyMap<string, ContrailObject>, member: string): boolean {
  return objects.get(member)?.fq_name.some((part) => part.includes('web')) ?? false;
}
