/** Failures of runs as Events on the objects concerned, with the real error. */
import type { KubeClient } from '../kubernetes/client.ts';
import { type ObjectReference, reportEvent } from '../kubernetes/events.ts';
import { messageOf, TerminalError } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import type { Key, OwningKind } from './keys.ts';
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
  const apiVersion = kind === 'NetworkAttachmentDefinition' ? 'k8s.cni.cncf.io/v1' : 'v1';
  return { apiVersion, kind, name, uid, ...(namespace === '' ? {} : { namespace }) };
}

function uidOf({ kind, namespace, name }: Key, view: ClusterView): string | undefined {
  const caches: Readonly<
    Record<OwningKind, { get: (key: string) => { readonly uid: string } | undefined } | undefined>
  > = {
    Cluster: undefined,
    Namespace: view.namespaces,
    Node: view.nodes,
    NetworkAttachmentDefinition: view.definitions,
    Pod: view.pods,
    Service: view.services,
  };
  return caches[kind]?.get(namespace === '' ? name : `${namespace}/${name}`)?.uid;
}
