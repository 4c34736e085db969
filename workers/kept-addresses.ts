/** Addresses of StatefulSets' pods outlive the config database: they are remembered on the StatefulSet, and restored from there. */
import { ContrailError } from '../contrail/client.ts';
import { restoredAddresses } from '../contrail/desired/kept-address.ts';
import { isOfAnother } from '../kubernetes/errors.ts';
import { formatKept, keptKey, parseKept } from '../kubernetes/kept-addresses.ts';
import type { PodPort } from '../kubernetes/ports.ts';
import { keepsFor, ordinalName, type SlimStatefulSet, statefulSetPath } from '../kubernetes/stateful-set.ts';
import { messageOf } from '../runtime/errors.ts';
import type { Deps } from './deps.ts';
import type { PodSubject } from './desired/pod.ts';
import { readStatefulSet } from './lookup.ts';

/** Writes what a pod has onto its StatefulSet, where that says something else; the ordinals that it lost are forgotten. */
export async function rememberKept(
  { namespace, name, isSticky }: Pick<PodSubject, 'namespace' | 'name' | 'isSticky'>,
  ports: readonly PodPort[],
  deps: Deps,
): Promise<void> {
  const place = isSticky ? ordinalName(name) : undefined;
  const set = place === undefined ? undefined : await readStatefulSet(namespace, place.set, deps);
  if (place === undefined || set === undefined) return;
  const text = formatKept(ports);
  if (set.kept[place.ordinal] === text) return;
  const lost = Object.keys(set.kept).filter((ordinal) => !keepsFor(set, Number(ordinal)));
  const annotations = {
    ...Object.fromEntries(lost.map((ordinal) => [keptKey(Number(ordinal)), null])),
    [keptKey(place.ordinal)]: text,
  };
  // Through the status, so that workers need no right to change StatefulSets.
  const path = `${statefulSetPath(namespace, set.name)}/status`;
  try {
    await deps.kube.patch(path, { metadata: { uid: set.uid, annotations } }, 'application/merge-patch+json', {
      signal: deps.signal,
    });
  } catch (error) {
    // Gone, or another one of its name: then there is nothing to remember.
    if (!isOfAnother(error)) throw error;
  }
}

/**
 * In a rebuild, after the pods that run have theirs again: the addresses of those that are away. What the server refuses, since
 * another has it or its network is gone, is given up.
 */
export async function restoreKept(deps: Deps): Promise<void> {
  for (const set of deps.view.statefulSets.list()) {
    for (const [ordinal, text] of Object.entries(set.kept)) {
      if (keepsFor(set, Number(ordinal))) await restoreOne(set, { ordinal, text }, deps);
    }
  }
}

async function restoreOne(
  { namespace, name }: SlimStatefulSet,
  { ordinal, text }: { readonly ordinal: string; readonly text: string },
  { contrail, settings, log, signal }: Deps,
): Promise<void> {
  const pod = `${name}-${ordinal}`;
  for (const object of restoredAddresses({ namespace, name: pod, interfaces: parseKept(text) }, settings)) {
    signal.throwIfAborted();
    try {
      // A pod that runs has it already.
      if ((await contrail.read(object.type, object.uuid)) === undefined) await contrail.create(object);
    } catch (error) {
      if (!(error instanceof ContrailError) || error.status < 400 || error.status >= 500) throw error;
      log.warn({ namespace, name: pod, reason: messageOf(error) }, 'a kept address is not restored');
    }
  }
}
