/** A tiny strict store for properties of plans: it refuses what a config API refuses, and nothing else. */
import type { ContrailObject } from '../../contrail/objects.ts';
import { dependenciesOf, identityOf, type Operation } from '../../contrail/plan.ts';

/** The world after some operations. Throws on a missing dependency, a taken name, and a deletion while still referred to. */
export function after(world: readonly ContrailObject[], operations: readonly Operation[]): readonly ContrailObject[] {
  const objects = new Map(world.map((object) => [identityOf(object), object]));
  for (const operation of operations) {
    const identity = identityOf(operation.object);
    switch (operation.op) {
      case 'create':
        if (objects.has(identity)) throw new Error(`exists: ${identity}`);
        requireDependencies(operation.object, objects);
        objects.set(identity, operation.object);
        break;
      case 'update': {
        const before = objects.get(identity);
        if (before === undefined) throw new Error(`not there: ${identity}`);
        const updated = { ...before, ...operation.fields };
        requireDependencies(updated, objects);
        objects.set(identity, updated);
        break;
      }
      case 'delete': {
        if (!objects.delete(identity)) throw new Error(`not there: ${identity}`);
        const referrer = [...objects.values()].find((object) => dependenciesOf(object).includes(identity));
        if (referrer !== undefined) throw new Error(`${identity} is still referred to by ${identityOf(referrer)}`);
        break;
      }
    }
  }
  return [...objects.values()];
}

function requireDependencies(object: ContrailObject, objects: ReadonlyMap<string, ContrailObject>): void {
  const missing = dependenciesOf(object).find((identity) => !objects.has(identity) && !isGiven(identity));
  if (missing !== undefined) throw new Error(`${identityOf(object)} needs ${missing}`);
}

/** What stands in every config database before us. */
function isGiven(identity: string): boolean {
  return /^(domain|global-system-config|virtual-network default-domain:default-project)/.test(identity);
}
