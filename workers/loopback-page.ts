/**
 * Pages beside probes and metrics for loopback alone, which is where the API server's port-forward arrives: so Kubernetes decides who
 * may ask (`pods/portforward`).
 */
import type { IncomingMessage } from 'node:http';
import { readBody } from '../runtime/body.ts';
import { messageOf } from '../runtime/errors.ts';
import type { Further } from '../runtime/health.ts';
import { isLoopback } from '../runtime/loopback.ts';

const MAX_BODY_BYTES = 1_000_000;

interface Page {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** Statuses of an answer, and of an error, whose message is told. */
  readonly statuses: readonly [answer: number, error: number];
}

/** Answers the page with what `answer` makes of the body, as JSON. */
export function loopbackPage({ method, path, statuses }: Page, answer: (body: unknown) => Promise<unknown>): Further {
  return (request, response) => {
    if (request.method !== method || request.url !== path) return false;
    const end = (status: number, text: string): void => void response.writeHead(status).end(text);
    if (!isLoopback(request.socket.remoteAddress)) end(403, `${path} is for loopback alone\n`);
    else
      bodyOf(request)
        .then(answer)
        .then(
          (value) => end(statuses[0], JSON.stringify(value)),
          (error: unknown) => end(statuses[1], `${messageOf(error)}\n`),
        );
    return true;
  };
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  if (request.method === 'GET') return undefined;
  const body = await readBody(request, MAX_BODY_BYTES);
  if (body === undefined) throw new Error(`a body of more than ${MAX_BODY_BYTES} bytes`);
  return JSON.parse(body) as unknown;
}
