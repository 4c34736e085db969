/** The HTTP side as an express app: routes, who may call, and probes. */
import express, { type ErrorRequestHandler, type Express, type Request, type Response } from 'express';
import type { Registry } from 'prom-client';
import { messageOf } from '../runtime/errors.ts';
import { answerHealth, type ReadinessCheck } from '../runtime/health.ts';
import type { Logger } from '../runtime/log.ts';
import { type Answer, type AnswerDeps, answerCall, refusal, WEBHOOKS, type WebhookName } from './answer.ts';
import { readBody } from './body.ts';
import type { Caller } from './caller.ts';

export interface AppDeps extends AnswerDeps {
  readonly checks: readonly ReadinessCheck[];
  readonly registry: Pick<Registry, 'contentType' | 'metrics'>;
  /** Who may call the webhooks; probes are for everybody. */
  readonly caller: Caller;
  /** The webhooks that are served here; both, where it is absent. */
  readonly webhooks?: readonly WebhookName[];
}

/** The whole application as a `(request, response)` function; it listens to nothing itself. */
export function createApp(deps: AppDeps): Express {
  const { webhooks = WEBHOOKS } = deps;
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  for (const webhook of webhooks) {
    app.post([`/${webhook}`, `/${webhook}/:resource`], guard(deps), (request, response) =>
      answer(webhook, { request, response }, deps),
    );
  }
  app.get('/{*path}', (request, response) => answerProbe({ request, response }, deps));
  app.use((_request, response) => send(response, nothingHere(webhooks)));
  app.use(errorHandler(deps.log));
  return app;
}

interface Exchange {
  readonly request: Request;
  readonly response: Response;
}

async function answer(webhook: WebhookName, { request, response }: Exchange, deps: AppDeps): Promise<void> {
  send(response, await answerCall(webhook, await readBody(request), deps));
}

async function answerProbe({ request, response }: Exchange, deps: AppDeps): Promise<void> {
  const probe = await answerHealth(request.path, deps);
  if (probe === undefined) send(response, nothingHere(deps.webhooks ?? WEBHOOKS));
  else response.status(probe.status).type(probe.contentType).send(probe.body);
}

function nothingHere(webhooks: readonly WebhookName[]): Answer {
  return refusal(404, `POST ${webhooks.map((webhook) => `/${webhook}`).join(' or ')}`);
}

function guard({ caller }: AppDeps): express.RequestHandler {
  return (request, response, next) => {
    const problem = caller(request);
    if (problem === undefined) next();
    else send(response, refusal(401, problem));
  };
}

/** As `response.json` does, without its negotiation: nothing of it can matter to an API server, and it costs a fifth of a call. */
function send(response: Response, { status, body }: Answer): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  response.end(text); // Text, not bytes: it then leaves with the head in one write.
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
    send(response, refusal(status, messageOf(error)));
  };
}
