/** The view with the chain that a connection leads through: read live, since it may have been made a moment ago. */
import { isDeepStrictEqual } from 'node:util';
import type { KubeClient } from '../kubernetes/client.ts';
import { connectionSpec } from '../kubernetes/network-connection.ts';
import { objectPath } from '../kubernetes/resources.ts';
import { slimServiceChain } from '../kubernetes/service-chain.ts';
import type { ClusterView } from './handlers/handler.ts';
import type { AdmissionRequest } from './review.ts';

type View = (request: AdmissionRequest, webhook: string) => ClusterView | Promise<ClusterView>;

/** Of the three seconds that a validating call has, what the read may take. */
const GET_TIMEOUT_MS = 700;

/** Adds to `view` the chain that the request newly names. */
export function withChain(view: View, client: Pick<KubeClient, 'get'>): View {
  return async (request, webhook) => {
    const seen = await view(request, webhook);
    const path = webhook === 'validate' ? chainPath(request) : undefined;
    if (path === undefined) return seen;
    const raw = await client.get(path, { timeoutMs: GET_TIMEOUT_MS });
    return { ...seen, chain: raw === undefined ? 'missing' : slimServiceChain(raw) };
  };
}

function chainPath({ operation, resource, namespace, object, oldObject }: AdmissionRequest): string | undefined {
  if (resource.resource !== 'networkconnections' || operation === 'DELETE') return undefined;
  const { through } = connectionSpec(object?.spec);
  if (through === undefined || isDeepStrictEqual(object?.spec, oldObject?.spec)) return undefined;
  return objectPath('servicechains', namespace, through);
}
