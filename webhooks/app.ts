/** The HTTP side: routes, limits and probes. A decision is answered with 200, our own failure with 500, a bad call with 4xx. */
import express, { type ErrorRequestHandler, type Express, type Request, type Response } from 'express';
import type { TLSSocket } from 'node:tls';
import type { Registry } from 'prom-client';
import { messageOf } from '../runtime/errors.ts';
import { answerHealth, type ReadinessCheck } from '../runtime/health.ts';
import type { Logger } from '../runtime/log.ts';
import { allowed, type Decision } from './decision.ts';
import type { ClusterView, Handler } from './handlers/handler.ts';
import { mutateNamespace, validateNamespace } from './handlers/namespaces.ts';
import { mutatePod, validatePod } from './handlers/pods.ts';
import type { WebhookMetrics } from './metrics.ts';
import { type AdmissionRequest, failureStatus, parseReview, reviewOf } from './review.ts';

export interface AppDeps {
  /** What the handlers may know for this request; the only step that may wait. */
  readonly view: (request: AdmissionRequest) => Promise<ClusterView> | ClusterView;
  readonly checks: readonly ReadinessCheck[];
  readonly registry: Registry;
  readonly metrics: WebhookMetrics;
  readonly log: Logger;
  /** Whether callers must show a certificate of the client CA. */
  readonly authenticate: boolean;
}

/** What an API server sends at most: an object of 1.5 MiB, twice. */
const MAX_BODY_BYTES = 3 * 1024 * 1024;

const HANDLERS: Readonly<Record<string, Readonly<Record<string, Handler>>>> = {
  mutate: { pods: mutatePod, namespaces: mutateNamespace },
  validate: { pods: validatePod, namespaces: validateNamespace },
};

/** The whole application as a `(request, response)` function; it listens to nothing itself. */
export function createApp(deps: AppDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  const parse = express.json({ limit: MAX_BODY_BYTES, type: () => true });
  for (const webhook of Object.keys(HANDLERS)) {
    app.post([`/${webhook}`, `/${webhook}/:resource`], guard(deps), parse, (request, response) =>
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
    } else if (request.is('application/json') === false) {
      response.status(415).json(failureStatus(415, 'the body must be application/json'));
    } else next();
  };
}

async function answer(webhook: string, { request, response }: Exchange, deps: AppDeps): Promise<void> {
  const review = parseReview(request.body);
  if (review.kind === 'invalid') {
    response.status(400).json(failureStatus(400, review.message));
    return;
  }
  const began = performance.now();
  deps.metrics.began();
  const call = { webhook, operation: review.request.operation };
  const told = (decision: string, patchBytes: number): void =>
    deps.metrics.answered({ ...call, decision, patchBytes, seconds: (performance.now() - began) / 1000 });
  try {
    const decision = await decide(webhook, review.request, deps);
    const body = reviewOf(review.request.uid, decision);
    response.json(body);
    told(decision.kind, 'patch' in body.response ? body.response.patch.length : 0);
    logDecision(webhook, { request: review.request, decision }, deps.log);
  } catch (error) {
    told('error', 0);
    const { namespace, name } = review.request;
    deps.log.error({ webhook, namespace, name, error }, 'the call could not be answered');
    response.status(500).json(failureStatus(500, messageOf(error)));
  }
}

async function decide(webhook: string, request: AdmissionRequest, deps: AppDeps): Promise<Decision> {
  const handler = request.resource.group === '' ? HANDLERS[webhook]?.[request.resource.resource] : undefined;
  // A rule of the configuration that is wider than our handlers must not refuse what we do not know.
  return handler === undefined ? allowed() : handler(request, await deps.view(request));
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

/** The body parser's own refusals keep their status (413 too large, 400 no JSON); anything else is our failure. */
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
