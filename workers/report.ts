/** Failures of runs as Events on the objects concerned, with the real error. */
import type { KubeClient } from '../kubernetes/client.ts';
import { CLUSTER_POLICY_API } from '../kubernetes/cluster-network-policy.ts';
import { type ObjectReference, reportEvent } from '../kubernetes/events.ts';
import { connectionTexts } from '../kubernetes/network-connection.ts';
import { API_VERSION } from '../kubernetes/resources.ts';
import { messageOf, TerminalError } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import type { Key } from './keys.ts';
import { uidOfOwner } from './owners.ts';
import { type ResourceObject, writeNotReady } from './resource-status.ts';
import type { ClusterView } from './watch.ts';

/** The API of a key's kind, where it is not the core's. */
const API_VERSIONS: Readonly<Partial<Record<Key['kind'], string>>> = {
  NetworkAttachmentDefinition: 'k8s.cni.cncf.io/v1',
  VirtualNetwork: API_VERSION,
  FloatingIPPool: API_VERSION,
  FloatingIP: API_VERSION,
  LogicalRouter: API_VERSION,
  ServiceChain: API_VERSION,
  NetworkConnection: API_VERSION,
  NetworkPolicy: 'networking.k8s.io/v1',
  Ingress: 'networking.k8s.io/v1',
  ClusterNetworkPolicy: CLUSTER_POLICY_API,
};

/** Reports that a key's run failed. Never throws: an Event that cannot be written is logged. */
export type ReportFailure = (key: Key, error: unknown) => Promise<void>;

/**
 * Reports onto objects that `view` has: what is gone has nobody to read an Event. What fails for the cluster is told to `home`, the
 * programs' namespace.
 */
export function createReporter(deps: {
  readonly kube: KubeClient;
  readonly view: () => ClusterView;
  readonly home: string;
  readonly host: string;
  readonly log: Logger;
}): ReportFailure {
  return async (key, error) => {
    const object = referenceTo(
      key.kind === 'Cluster' ? { ...key, kind: 'Namespace', name: deps.home } : key,
      deps.view(),
    );
    if (object === undefined) return;
    const resource = resourceOf(key, deps.view());
    const reason = error instanceof TerminalError ? error.reason : 'NetworkNotReady';
    const report = { object, reason, message: messageOf(error), type: 'Warning' as const };
    try {
      if (resource !== undefined) await writeNotReady(deps.kube, resource, report);
      await reportEvent(deps.kube, { ...report, component: 'opencontrail-workers', host: deps.host });
    } catch (failure) {
      deps.log.warn({ ...key, reason: messageOf(failure) }, 'cannot report an Event');
    }
  };
}

/** The object of a kind that says in its own status what became of it. */
function resourceOf({ kind, namespace, name }: Key, view: ClusterView): ResourceObject | undefined {
  const of = `${namespace}/${name}`;
  if (kind === 'ClusterNetworkPolicy') return asResource('clusternetworkpolicies', view.clusterPolicies.get(name));
  if (kind === 'VirtualNetwork') return asResource('virtualnetworks', view.virtualNetworks.get(of));
  if (kind === 'LogicalRouter') return asResource('logicalrouters', view.logicalRouters.get(of));
  if (kind === 'ServiceChain') return asResource('servicechains', view.serviceChains.get(of));
  if (kind === 'FloatingIPPool') return asResource('floatingippools', view.floatingIpPools.get(name));
  if (kind === 'FloatingIP') return asResource('floatingips', view.floatingIps.get(of));
  const connection = kind === 'NetworkConnection' ? view.connections.get(of) : undefined;
  return connection && { ...connection, resource: 'networkconnections', texts: connectionTexts(connection) };
}

function asResource(
  resource: ResourceObject['resource'],
  object: Omit<ResourceObject, 'resource' | 'namespace'> | undefined,
): ResourceObject | undefined {
  return object === undefined ? undefined : { ...object, resource };
}

function referenceTo(key: Key, view: ClusterView): ObjectReference | undefined {
  const uid = uidOfOwner(key, view);
  if (uid === undefined) return undefined;
  const { kind, namespace, name } = key;
  const apiVersion = API_VERSIONS[kind] ?? 'v1';
  return { apiVersion, kind, name, uid, ...(namespace === '' ? {} : { namespace }) };
}
