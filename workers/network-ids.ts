/** Keeps the numbers of a namespace's networks on the namespace: running connections carry them as VNI, and Redis may be lost. */
import type { Operation } from '../contrail/plan.ts';
import { ANNOTATION } from '../kubernetes/annotations.ts';
import { namespaceOfNetwork } from '../kubernetes/custom-network.ts';
import { isOfAnother } from '../kubernetes/errors.ts';
import { formatNetworkIds, type NetworkIds } from '../kubernetes/network-ids.ts';
import type { ClusterSettings } from './cluster-settings.ts';
import type { Deps } from './deps.ts';
import { networkIdsKey } from './keys.ts';
import { readNamespace } from './lookup.ts';
import type { Outcome } from './queue-worker.ts';
import { readStatus } from './status.ts';

/** The chores that follow from a plan: one for each namespace that it gives a network, or takes one from. Pure. */
export function networkIdsKeys(operations: readonly Operation[], { names }: ClusterSettings): readonly string[] {
  const keys = operations.flatMap(({ op, object }) => {
    if (op === 'update' || object.type !== 'virtual-network') return [];
    const namespace = namespaceOfNetwork(object.fq_name, names);
    return namespace === undefined ? [] : [networkIdsKey(namespace)];
  });
  return [...new Set(keys)];
}

/** Writes the annotation where it differs from what the config database has. */
export async function keepNetworkIds(name: string, deps: Deps): Promise<Outcome> {
  const namespace = await readNamespace(name, deps);
  if (namespace === undefined || namespace.deletionTimestamp !== undefined) return { kind: 'done' };
  const ids = await readNetworkIds(name, deps);
  if (ids === undefined)
    return { kind: 'notYet', retryAfterMs: REBUILDING_MS, missing: 'the rebuild of the config database' };
  const text = formatNetworkIds(ids);
  if (text !== namespace.annotations[ANNOTATION.networkIds]) await write(namespace, text, deps);
  return { kind: 'done' };
}

const REBUILDING_MS = 1_000;

/** `undefined` while the database is not whole, before or after the question: half of its numbers would be forgotten. */
async function readNetworkIds(namespace: string, { contrail, settings }: Deps): Promise<NetworkIds | undefined> {
  const before = await readStatus(contrail);
  if (before.state !== 'ready') return undefined;
  const parentId = await contrail.fqNameToUuid('project', settings.names.project(namespace));
  const fields = ['virtual_network_network_id'];
  const networks = parentId === undefined ? [] : await contrail.list('virtual-network', { parentId, fields });
  const after = await readStatus(contrail);
  if (after.state !== 'ready' || after.epoch !== before.epoch) return undefined;
  return Object.fromEntries(
    networks.map(({ fq_name: fqName, ...network }) => [fqName.at(-1) ?? '', Number(network[fields[0] ?? ''])]),
  );
}

async function write(
  { name, uid }: { readonly name: string; readonly uid: string },
  text: string | undefined,
  { kube, signal }: Deps,
): Promise<void> {
  const body = { metadata: { uid, annotations: { [ANNOTATION.networkIds]: text ?? null } } };
  try {
    await kube.patch(`/api/v1/namespaces/${name}`, body, 'application/merge-patch+json', { signal });
  } catch (error) {
    // Gone, or another one of its name by now: that one has a run of its own.
    if (!isOfAnother(error)) throw error;
  }
}
