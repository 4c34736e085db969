/** Gathers what handlers may know: a namespace from the cache, or one bounded GET where the cache may be behind. */
import type { AssignmentContext } from '../kubernetes/assignment.ts';
import type { Reflector } from '../kubernetes/cache.ts';
import type { KubeClient } from '../kubernetes/client.ts';
import { type SlimNamespace, slimNamespace } from '../kubernetes/objects.ts';
import type { ClusterView } from './handlers/handler.ts';
import type { AdmissionRequest } from './review.ts';

/** Of the two seconds that a call has, what a GET may take. */
const GET_TIMEOUT_MS = 700;
/** A cache without a watch for this long is not believed. */
const MAX_STALENESS_MS = 5000;

/** The view for one request. A namespace that was made a moment ago may not be in the cache yet, so absence is confirmed. */
export function createView(deps: {
  readonly namespaces: Reflector<SlimNamespace>;
  readonly client: KubeClient;
  readonly context: AssignmentContext;
}): (request: AdmissionRequest) => ClusterView | Promise<ClusterView> {
  const { namespaces, client, context } = deps;
  const live = async (name: string): Promise<ClusterView> => {
    const raw = await client.get(`/api/v1/namespaces/${name}`, { timeoutMs: GET_TIMEOUT_MS });
    return { context, namespace: raw === undefined ? undefined : slimNamespace(raw) };
  };
  return (request) => {
    if (request.namespace === '' || request.resource.resource === 'namespaces')
      return { context, namespace: undefined };
    const namespace = namespaces.get(request.namespace);
    const isKnown = namespace !== undefined && namespaces.stalenessMs() < MAX_STALENESS_MS;
    return isKnown ? { context, namespace } : live(request.namespace);
  };
}
