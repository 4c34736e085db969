/** Failures of runs as Events on the objects concerned, with the real error. */
import type { KubeClient } from '../kubernetes/client.ts';
import { type ObjectReference, reportEvent } from '../kubernetes/events.ts';
import { messageOf, TerminalError } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import type { Key } from './keys.ts';
import type { ClusterView } from './watch.ts';

/** Reports that a key's run failed. Never throws: an Event that cannot be written is logged. */
export type ReportFailure = (key: Key, error: unknown) => Promise<void>;

/** Reports onto objects that `view` has; what is gone, and the cluster itself, has nobody to read an Event. */
export function createReporter(deps: {
  readonly kube: KubeClient;
  readonly view: () => ClusterView;
  readonly host: string;
  readonly log: Logger;
}): ReportFailure {
  return async (key, error) => {
    const object = referenceTo(key, deps.view());
    if (object === undefined) return;
    const reason = error instanceof TerminalError ? error.reason : 'NetworkNotReady';
    const report = { object, reason, message: messageOf(error), type: 'Warning' as const };
    try {
      await reportEvent(deps.kube, { ...report, component: 'opencontrail-workers', host: deps.host });
    } catch (failure) {
      deps.log.warn({ ...key, reason: messageOf(failure) }, 'cannot report an Event');
    }
  };
}

function referenceTo(key: Key, view: ClusterView): ObjectReference | undefined {
  const uid = uidOf(key, view);
  if (uid === undefined) return undefined;
  const { kind, namespace, name } = key;
  return { apiVersion: 'v1', kind, name, uid, ...(namespace === '' ? {} : { namespace }) };
}

function uidOf({ kind, namespace, name }: Key, view: ClusterView): string | undefined {
  switch (kind) {
    case 'Cluster':
      return undefined;
    case 'Namespace':
      return view.namespaces.get(name)?.uid;
    case 'Node':
      return view.nodes.get(name)?.uid;
    case 'Pod':
      return view.pods.get(`${namespace}/${name}`)?.uid;
    case 'Service':
      return view.services.get(`${namespace}/${name}`)?.uid;
  }
}
