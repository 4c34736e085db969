/** The view with what the request may not use: gathered for validation alone, which is the one that refuses. */
import { isDeepStrictEqual } from 'node:util';
import { ANNOTATION } from '../kubernetes/annotations.ts';
import { type AssignmentContext, assignmentForPod } from '../kubernetes/assignment.ts';
import { connectedNetworks } from '../kubernetes/connected-networks.ts';
import { customNetwork, type NetworkUse } from '../kubernetes/custom-network.ts';
import { connectionSpec } from '../kubernetes/network-connection.ts';
import type { ClusterView } from './handlers/handler.ts';
import type { FindForbidden } from './permission.ts';
import { type AdmissionRequest, annotationsOf } from './review.ts';

type View = (request: AdmissionRequest) => ClusterView | Promise<ClusterView>;

/** Adds to `view` the networks of other namespaces that the request newly names without permission. */
export function withPermissions(
  view: View,
  forbidden: FindForbidden,
): (request: AdmissionRequest, webhook: string) => ClusterView | Promise<ClusterView> {
  return async (request, webhook) => {
    const seen = await view(request);
    const uses = webhook === 'validate' ? usesOf(request, seen) : [];
    if (uses.length === 0) return seen;
    const home = seen.namespace ?? { name: homeOf(request), labels: request.object?.metadata.labels ?? {} };
    return { ...seen, forbidden: await forbidden(uses, request, home) };
  };
}

/** A pod names a network at its creation, a namespace and a connection whenever they change their mind. */
function usesOf(request: AdmissionRequest, seen: ClusterView): readonly NetworkUse[] {
  const { names } = seen.context;
  const { operation, resource, object, oldObject } = request;
  if (resource.resource === 'networkconnections') return usesOfConnection(request, names);
  if (resource.resource === 'pods') return operation === 'CREATE' ? usesOfPod(request, seen) : [];
  const annotations = annotationsOf(object);
  if (annotationsOf(oldObject)[ANNOTATION.network] === annotations[ANNOTATION.network]) return [];
  const verdict = customNetwork(annotations, homeOf(request), names);
  return verdict.kind === 'named' && verdict.use !== undefined ? [verdict.use] : [];
}

/** One that is refused for what it says needs no permission. */
function usesOfPod({ namespace, object }: AdmissionRequest, { namespace: home, context }: ClusterView) {
  const pod = { annotations: annotationsOf(object), labels: object?.metadata.labels ?? {} };
  const verdict = assignmentForPod(pod, home ?? { name: namespace, annotations: {} }, context);
  return verdict.kind === 'assigned' ? verdict.uses : [];
}

function usesOfConnection(
  { operation, namespace, object, oldObject }: AdmissionRequest,
  names: AssignmentContext['names'],
): readonly NetworkUse[] {
  if (operation === 'DELETE' || isDeepStrictEqual(object?.spec, oldObject?.spec)) return [];
  return connectedNetworks({ namespace, ...connectionSpec(object?.spec) }, names).uses;
}

/** The namespace of a pod, or the namespace itself; at CREATE the request may carry no name, and the object's own metadata does. */
function homeOf({ name, namespace, object, resource }: AdmissionRequest): string {
  if (resource.resource !== 'namespaces') return namespace;
  return name === '' ? (object?.metadata.name ?? '') : name;
}
