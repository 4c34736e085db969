/**
 * NetworkConnections: whoever asks for one as it reads is noted on it, since workers ask again whether that user may use the
 * networks of other namespaces. Pure.
 */
import { isDeepStrictEqual } from 'node:util';
import { ANNOTATION } from '../../kubernetes/annotations.ts';
import { chainMismatch } from '../../kubernetes/chain-work.ts';
import { connectedNetworks } from '../../kubernetes/connected-networks.ts';
import { connectionSpec, formatRequester } from '../../kubernetes/network-connection.ts';
import type { AnnotationProblem } from '../../kubernetes/problems.ts';
import { allowed, denied, patched } from '../decision.ts';
import { mapPatch } from '../patch.ts';
import { type AdmissionRequest, annotationsOf } from '../review.ts';
import { type ClusterView, forbiddenIn, type Handler, refused } from './handler.ts';

/** Notes the user. */
export const mutateNetworkConnection: Handler = (request) => {
  if (!isJudged(request)) return allowed();
  const wanted = { [ANNOTATION.requester]: requesterOf(request) };
  return patched(mapPatch('annotations', request.object?.metadata.annotations, wanted), {
    audit: { decision: 'noted' },
  });
};

/** Refuses networks that cannot be connected or may not be used, and another user's name than that of the one who asks. */
export const validateNetworkConnection: Handler = (request, view) => {
  if (!isJudged(request)) return allowed();
  const spec = connectionSpec(request.object?.spec);
  const connection = { namespace: request.namespace, ...spec };
  const { problems } = connectedNetworks(connection, view.context.names);
  const all = [...problems, ...chainProblems(connection, view)];
  if (all.length > 0 && isChanged(request)) return refused(all);
  const forbidden = forbiddenIn(view);
  if (forbidden !== undefined) return forbidden;
  const given = annotationsOf(request.object)[ANNOTATION.requester];
  if (given === requesterOf(request))
    return allowed({ audit: { decision: 'connected' }, warnings: warningsOf(spec, view) });
  return denied(403, `annotation ${ANNOTATION.requester} is written by OpenContrail alone; leave it as it is`, {
    audit: { decision: 'forged', annotations: ANNOTATION.requester },
  });
};

type Connection = Parameters<typeof chainMismatch>[0];

function chainProblems(connection: Connection, { chain, context }: ClusterView): readonly AnnotationProblem[] {
  if (chain === undefined || chain === 'missing') return [];
  const problem = chainMismatch(connection, chain, context.names);
  return problem === undefined ? [] : [problem];
}

/** As of a network, a chain may come later. */
function warningsOf({ through }: { readonly through?: string | undefined }, { chain }: ClusterView): readonly string[] {
  return chain === 'missing'
    ? [`spec.through: there is no ServiceChain "${through}" yet; nothing passes until there is`]
    : [];
}

/** One on its way out is let go. */
function isJudged({ object, operation, subResource }: AdmissionRequest): boolean {
  if (object === null || object === undefined || (subResource ?? '') !== '') return false;
  return operation !== 'DELETE' && (object.metadata.deletionTimestamp ?? '') === '';
}

function isChanged({ object, oldObject }: AdmissionRequest): boolean {
  return !isDeepStrictEqual(object?.spec, oldObject?.spec);
}

/** Who asks now, where something else is asked for than before; else who did. */
function requesterOf(request: AdmissionRequest): string | undefined {
  const { userInfo, oldObject } = request;
  if (!isChanged(request)) return annotationsOf(oldObject)[ANNOTATION.requester];
  return formatRequester({ user: userInfo?.username ?? '', groups: userInfo?.groups ?? [] });
}
