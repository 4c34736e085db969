/** The view with what the request may not use: gathered for validation alone, which is the one that refuses. */
import { isDeepStrictEqual } from 'node:util';
import { ANNOTATION } from '../kubernetes/annotations.ts';
import type { AssignmentContext } from '../kubernetes/assignment.ts';
import { furtherInterfaces } from '../kubernetes/attachments.ts';
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
    const uses = webhook === 'validate' ? usesOf(request, seen.context) : [];
    if (uses.length === 0) return seen;
    const home = seen.namespace ?? { name: homeOf(request), labels: request.object?.metadata.labels ?? {} };
    return { ...seen, forbidden: await forbidden(uses, request, home) };
  };
}

/** A pod names a network at its creation, a namespace and a connection whenever they change their mind. */
function usesOf(request: AdmissionRequest, context: AssignmentContext): readonly NetworkUse[] {
  const { names } = context;
  const { operation, resource, object, oldObject } = request;
  if (resource.resource === 'networkconnections') return usesOfConnection(request, names);
  if (resource.resource === 'pods') return operation === 'CREATE' ? usesOfPod(request, context) : [];
  const annotations = annotationsOf(object);
  if (annotationsOf(oldObject)[ANNOTATION.network] === annotations[ANNOTATION.network]) return [];
  const verdict = customNetwork(annotations, homeOf(request), names);
  return verdict.kind === 'named' && verdict.use !== undefined ? [verdict.use] : [];
}

function usesOfPod({ namespace, object }: AdmissionRequest, context: AssignmentContext): readonly NetworkUse[] {
  const annotations = annotationsOf(object);
  const first = customNetwork(annotations, namespace, context.names);
  const further = furtherInterfaces(annotations, namespace, context);
  return [
    ...(first.kind === 'named' && first.use !== undefined ? [first.use] : []),
    ...(further.kind === 'interfaces' ? further.uses : []),
  ];
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
