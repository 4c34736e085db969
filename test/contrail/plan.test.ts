/** Properties of plans over whole random worlds, and the orders that a config API insists on. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { desiredPod } from '../../contrail/desired/pod.ts';
import type { ContrailObject } from '../../contrail/objects.ts';
import { plan } from '../../contrail/plan.ts';
import { after } from './store.ts';
import { names, naming, uidOf, world } from './worlds.ts';

const RUNS = { numRuns: 300 };

describe('plan', () => {
  test('of a world against itself is empty', () => {
    fc.assert(
      fc.property(world, (desired) => {
        expect(plan(desired, desired)).toEqual([]);
      }),
      RUNS,
    );
  });

  test('applied, leaves nothing to plan, and never breaks an order that the store insists on', () => {
    fc.assert(
      fc.property(world, world, (desired, observed) => {
        const next = after(observed, plan(desired, observed));
        expect(plan(desired, next)).toEqual([]);
      }),
      RUNS,
    );
  });

  test('of nothing leaves nothing', () => {
    fc.assert(
      fc.property(world, (observed) => {
        expect(after(observed, plan([], observed))).toEqual([]);
      }),
      RUNS,
    );
  });

  test('from a world cut short anywhere by a crash arrives where an uninterrupted one does', () => {
    fc.assert(
      fc.property(world, world, fc.nat(), (desired, observed, cut) => {
        const operations = plan(desired, observed);
        const crashed = after(observed, operations.slice(0, cut % (operations.length + 1)));
        const finished = after(crashed, plan(desired, crashed));
        expect(plan(desired, finished)).toEqual([]);
      }),
      RUNS,
    );
  });

  test('asks a pool for addresses last, since it may have none', () => {
    const pool = { type: 'loadbalancer-pool', uuid: 'p', fq_name: ['d', 'p', 'pool'], parent_type: 'project' };
    const listener = { type: 'loadbalancer-listener', uuid: 'l', fq_name: ['d', 'p', 'l'], parent_type: 'project' };
    const address = {
      type: 'floating-ip',
      uuid: 'f',
      fq_name: ['d', 'p', 'n', 'q', 'f'],
      parent_type: 'floating-ip-pool',
    };
    const desired = [address, { ...pool, display_name: 'new' }, listener];
    expect(plan(desired, [{ ...pool, display_name: 'old' }]).map(({ op, object }) => `${op} ${object.type}`)).toEqual([
      'create loadbalancer-listener',
      'update loadbalancer-pool',
      'create floating-ip',
    ]);
  });

  test('of ten thousand objects takes no longer than reading them would', () => {
    const objects = Array.from({ length: 3000 }, (_, index) => podObjects(`p${index}`, 0)).flat();
    expect(plan(objects, objects)).toEqual([]);
    expect(plan(objects, []).length).toBe(objects.length);
  });
});

function podObjects(name: string, incarnation: number, network = names.clusterPodNetwork): readonly ContrailObject[] {
  const router = { type: 'virtual-router', uuid: uidOf('router', 0), fq_name: names.virtualRouter('n1') };
  const interfaces = [{ name: 'eth0', label: 'default', network, addresses: [], families: ['v4' as const] }];
  const uid = uidOf(name, incarnation);
  return desiredPod({ namespace: 'a', name, uid, labels: {}, virtualRouter: router, interfaces }, naming);
}

describe('a re-created pod', () => {
  const operations = plan(podObjects('web', 1), podObjects('web', 0));

  test('loses everything of its predecessor before anything of its own is made', () => {
    const lastDelete = operations.findLastIndex(({ op }) => op === 'delete');
    const firstCreate = operations.findIndex(({ op }) => op === 'create');
    expect(operations.filter(({ op }) => op === 'delete')).toHaveLength(4);
    expect(operations.filter(({ op }) => op === 'create')).toHaveLength(4);
    expect(lastDelete).toBeLessThan(firstCreate);
  });

  test('leaves the router before its machine goes, and joins it last', () => {
    expect(operations.map(({ op, object }) => `${op} ${object.type}`)).toEqual([
      'delete reference',
      'delete instance-ip',
      'delete virtual-machine-interface',
      'delete virtual-machine',
      'create virtual-machine',
      'create virtual-machine-interface',
      'create instance-ip',
      'create reference',
    ]);
  });
});

test('an interface that moves to another network is made anew together with its address', () => {
  const operations = plan(podObjects('web', 0, names.podNetwork('a')), podObjects('web', 0));
  expect(operations.map(({ op, object }) => `${op} ${object.type}`)).toEqual([
    'delete instance-ip',
    'delete virtual-machine-interface',
    'create virtual-machine-interface',
    'create instance-ip',
  ]);
});
