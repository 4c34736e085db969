/** Which number each network of a rebuild gets: its own of before, else the lowest that nobody remembers. */
import type { ContrailClient } from '../contrail/client.ts';
import { ContrailError } from '../contrail/client.ts';
import type { FqName } from '../contrail/objects.ts';
import type { Operation } from '../contrail/plan.ts';
import { ANNOTATION } from '../kubernetes/annotations.ts';
import { parseNetworkIds } from '../kubernetes/network-ids.ts';
import type { SlimNamespace } from '../kubernetes/objects.ts';

export interface RememberedIds {
  /** The number for a network that is about to be made; the same at every call, until it is found taken. */
  readonly idFor: (fqName: FqName) => number;
  /** Whether an error says that a number is taken; that number is given to nobody from then on. */
  readonly isTaken: (error: unknown) => boolean;
}

/** From what namespaces remember (by fully qualified name) and the numbers that are taken already. */
export function createRememberedIds(
  remembered: ReadonlyMap<string, number>,
  alreadyTaken: Iterable<number>,
): RememberedIds {
  const taken = new Set(alreadyTaken);
  const chosen = new Map<string, number>();
  const lowestFree = (): number => {
    const spoken = new Set([...remembered.values(), ...chosen.values()]);
    let id = 1;
    while (taken.has(id) || spoken.has(id)) id += 1;
    return id;
  };
  return {
    idFor: (fqName) => {
      const name = fqName.join(':');
      const own = chosen.get(name) ?? remembered.get(name);
      const id = own === undefined || taken.has(own) ? lowestFree() : own;
      chosen.set(name, id);
      return id;
    },
    isTaken: (error) => {
      const match = error instanceof ContrailError ? /^virtual network ID (\d+) is in use/.exec(error.message) : null;
      if (match === null) return false;
      taken.add(Number(match[1]));
      return true;
    },
  };
}

/** Reads both: annotations of these namespaces, and the networks that stand already. */
export async function readRememberedIds(
  namespaces: readonly Pick<SlimNamespace, 'name' | 'annotations'>[],
  project: (namespace: string) => FqName,
  contrail: ContrailClient,
): Promise<RememberedIds> {
  const remembered = namespaces.flatMap(({ name, annotations }) =>
    Object.entries(parseNetworkIds(annotations[ANNOTATION.networkIds])).map(
      ([network, id]) => [[...project(name), network].join(':'), id] as const,
    ),
  );
  const standing = await contrail.list('virtual-network', { fields: ['virtual_network_network_id'] });
  return createRememberedIds(
    new Map(remembered),
    standing.map((network) => Number(network['virtual_network_network_id'])),
  );
}

/** The same plan, with a number for every network that it makes. Pure but for the choice. */
export function numbered(operations: readonly Operation[], ids: RememberedIds | undefined): readonly Operation[] {
  if (ids === undefined) return operations;
  return operations.map((operation) => {
    if (operation.op !== 'create' || operation.object.type !== 'virtual-network') return operation;
    const { fq_name: fqName } = operation.object;
    return { ...operation, object: { ...operation.object, virtual_network_network_id: ids.idFor(fqName) } };
  });
}
