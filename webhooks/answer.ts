/** A call's whole answer, from its body to the review with the decision, or to the status that refuses it. Knows no HTTP server. */
import { messageOf } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import type { Body } from './body.ts';
import { allowed, type Decision } from './decision.ts';
import type { ClusterView, Handler } from './handlers/handler.ts';
import { mutateNamespace, validateNamespace } from './handlers/namespaces.ts';
import { mutatePod, validatePod } from './handlers/pods.ts';
import { mutateNetworkConnection, validateNetworkConnection } from './handlers/network-connections.ts';
import { validateAttachmentDefinition, validateVirtualNetwork } from './handlers/networks-in-use.ts';
import type { WebhookMetrics } from './metrics.ts';
import { type AdmissionRequest, failureStatus, parseReview, reviewOf } from './review.ts';

export interface AnswerDeps {
  /** What the handlers may know for this request; the only step that may wait. */
  readonly view: (request: AdmissionRequest, webhook: WebhookName) => Promise<ClusterView> | ClusterView;
  readonly metrics: Pick<WebhookMetrics, 'began' | 'answered'>;
  readonly log: Logger;
}

/** A status and what is sent with it as JSON. */
export interface Answer {
  readonly status: number;
  readonly body: object;
}

/** The two webhooks: the first segment of a call's path. */
export const WEBHOOKS = ['mutate', 'validate'] as const;
export type WebhookName = (typeof WEBHOOKS)[number];

const HANDLERS: Readonly<Record<WebhookName, Readonly<Record<string, Handler>>>> = {
  mutate: {
    pods: mutatePod,
    namespaces: mutateNamespace,
    'opencontrail.org/networkconnections': mutateNetworkConnection,
  },
  validate: {
    pods: validatePod,
    namespaces: validateNamespace,
    'opencontrail.org/networkconnections': validateNetworkConnection,
    'opencontrail.org/virtualnetworks': validateVirtualNetwork,
    'k8s.cni.cncf.io/network-attachment-definitions': validateAttachmentDefinition,
  },
};

/** A decision is answered with 200, our own failure with 500, a bad call with 4xx. Never throws. */
export async function answerCall(webhook: WebhookName, body: Body, deps: AnswerDeps): Promise<Answer> {
  const review = body.kind === 'json' ? parseReview(body.value) : body;
  if (review.kind !== 'request') return refusal(review.kind === 'refused' ? review.code : 400, review.message);
  const began = performance.now();
  deps.metrics.began();
  const call = { webhook, operation: review.request.operation };
  const told = (decision: string, patchBytes: number): void =>
    deps.metrics.answered({ ...call, decision, patchBytes, seconds: (performance.now() - began) / 1000 });
  try {
    const decision = await decide(webhook, review.request, deps);
    const answer = reviewOf(review.request.uid, decision);
    told(decision.kind, 'patch' in answer.response ? answer.response.patch.length : 0);
    logDecision(webhook, { request: review.request, decision }, deps.log);
    return { status: 200, body: answer };
  } catch (error) {
    told('error', 0);
    const { namespace, name } = review.request;
    deps.log.error({ webhook, namespace, name, error }, 'the call could not be answered');
    return refusal(500, messageOf(error));
  }
}

/** The webhook that a path names, `/mutate` or `/mutate/pods`; `undefined` for any other. Pure. */
export function webhookOf(path: string): WebhookName | undefined {
  const [, first = '', , more] = path.split('/');
  return more === undefined ? WEBHOOKS.find((webhook) => webhook === first) : undefined;
}

/** An answer that holds no decision. Pure. */
export function refusal(status: number, message: string): Answer {
  return { status, body: failureStatus(status, message) };
}

async function decide(webhook: WebhookName, request: AdmissionRequest, deps: AnswerDeps): Promise<Decision> {
  const { group, resource } = request.resource;
  const handler = HANDLERS[webhook][group === '' ? resource : `${group}/${resource}`];
  // A rule of the configuration that is wider than our handlers must not refuse what we do not know.
  return handler === undefined ? allowed() : handler(request, await deps.view(request, webhook));
}

function logDecision(
  webhook: string,
  { request, decision }: { request: AdmissionRequest; decision: Decision },
  log: Logger,
): void {
  const { namespace, name, operation, resource } = request;
  const facts = { webhook, operation, resource: resource.resource, namespace, name, decision: decision.kind };
  if (decision.kind === 'denied') log.info({ ...facts, reason: decision.message }, 'denied');
  else log.debug(facts, 'answered');
}
