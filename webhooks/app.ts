/** The HTTP side: routes, limits and probes. A decision is answered with 200, our own failure with 500, a bad call with 4xx. */
import express, { type ErrorRequestHandler, type Express, type Request, type Response } from 'express';
import type { TLSSocket } from 'node:tls';
import type { Registry } from 'prom-client';
import { messageOf } from '../runtime/errors.ts';
import { answerHealth, type ReadinessCheck } from '../runtime/health.ts';
import type { Logger } from '../runtime/log.ts';
import { readBody } from './body.ts';
import { allowed, type Decision } from './decision.ts';
import type { ClusterView, Handler } from './handlers/handler.ts';
import { mutateNamespace, validateNamespace } from './handlers/namespaces.ts';
import { mutatePod, validatePod } from './handlers/pods.ts';
import { validateVirtualNetwork } from './handlers/virtual-networks.ts';
import type { WebhookMetrics } from './metrics.ts';
import { type AdmissionRequest, failureStatus, parseReview, reviewOf } from './review.ts';

export interface AppDeps {
  /** What the handlers may know for this request; the only step that may wait. */
  readonly view: (request: AdmissionRequest, webhook: string) => Promise<ClusterView> | ClusterView;
  readonly checks: readonly ReadinessCheck[];
  readonly registry: Registry;
  readonly metrics: WebhookMetrics;
  readonly log: Logger;
  /** Whether callers must show a certificate of the client CA. */
  readonly authenticate: boolean;
}

const HANDLERS: Readonly<Record<string, Readonly<Record<string, Handler>>>> = {
  mutate: { pods: mutatePod, namespaces: mutateNamespace },
  validate: {
    pods: validatePod,
    namespaces: validateNamespace,
    'opencontrail.org/virtualnetworks': validateVirtualNetwork,
  },
};

/** The whole application as a `(request, response)` function; it listens to nothing itself. */
export function createApp(deps: AppDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  for (const webhook of Object.keys(HANDLERS)) {
    app.post([`/${webhook}`, `/${webhook}/:resource`], guard(deps), (request, response) =>
      answer(webhook, { request, response }, deps),
    );
  }
  app.get('/{*path}', (request, response) => answerProbe({ request, response }, deps));
  app.use((_request, response) => void response.status(404).json(failureStatus(404, 'POST /mutate or /validate')));
  app.use(errorHandler(deps.log));
  return app;
}

function guard({ authenticate }: AppDeps): express.RequestHandler {
  return (request, response, next) => {
    // The server is made by node:https alone, so every socket is TLS.
    if (authenticate && !(request.socket as TLSSocket).authorized) {
      response.status(401).json(failureStatus(401, 'a client certificate of --client-ca is required'));
    } else next();
  };
}

async function answer(webhook: string, { request, response }: Exchange, deps: AppDeps): Promise<void> {
  const body = await readBody(request);
  const review = body.kind === 'json' ? parseReview(body.value) : body;
  if (review.kind !== 'request') {
    const code = review.kind === 'refused' ? review.code : 400;
    response.status(code).json(failureStatus(code, review.message));
    return;
  }
  const began = performance.now();
  deps.metrics.began();
  const call = { webhook, operation: review.request.operation };
  const told = (decision: string, patchBytes: number): void =>
    deps.metrics.answered({ ...call, decision, patchBytes, seconds: (performance.now() - began) / 1000 });
  try {
    const decision = await decide(webhook, review.request, deps);
    const answer = reviewOf(review.request.uid, decision);
    send(response, answer);
    told(decision.kind, 'patch' in answer.response ? answer.response.patch.length : 0);
    logDecision(webhook, { request: review.request, decision }, deps.log);
  } catch (error) {
    told('error', 0);
    const { namespace, name } = review.request;
    deps.log.error({ webhook, namespace, name, error }, 'the call could not be answered');
    response.status(500).json(failureStatus(500, messageOf(error)));
  }
}

/** As `response.json` does, without its negotiation: nothing of it can matter to an API server, and it costs a fifth of a call. */
function send(response: Response, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  response.end(text); // Text, not bytes: it then leaves with the head in one write.
}

async function decide(webhook: string, request: AdmissionRequest, deps: AppDeps): Promise<Decision> {
  const { group, resource } = request.resource;
  const handler = HANDLERS[webhook]?.[group === '' ? resource : `${group}/${resource}`];
  // A rule of the configuration that is wider than our handlers must not refuse what we do not know.
  return handler === undefined ? allowed() : handler(request, await deps.view(request, webhook));
}

interface Exchange {
  readonly request: Request;
  readonly response: Response;
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

async function answerProbe({ request, response }: Exchange, deps: AppDeps): Promise<void> {
  const probe = await answerHealth(request.path, deps);
  if (probe === undefined) response.status(404).json(failureStatus(404, 'POST /mutate or /validate'));
  else response.status(probe.status).type(probe.contentType).send(probe.body);
}

/** Express's own refusals (a malformed path) keep their status; anything else is our failure. */
function errorHandler(log: Logger): ErrorRequestHandler {
  return (error: unknown, _request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const status = error instanceof Error && 'status' in error && typeof error.status === 'number' ? error.status : 500;
    if (status >= 500) log.error({ error }, 'unexpected failure');
    response.status(status).json(failureStatus(status, messageOf(error)));
  };
}
