/** An answer of the port API, and the body that it answers. */
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { readBody } from '../../runtime/body.ts';

const MAX_BODY_BYTES = 1_000_000;

export interface Answer {
  readonly status: number;
  /** Sent as it comes, where it is a stream. */
  readonly body: string | Readable;
  readonly contentType?: string;
  /** A header that is known once a streamed body has ended. */
  readonly trailer?: { readonly name: string; readonly value: Promise<string> };
}

export function json(value: unknown): Answer {
  return { status: 200, body: JSON.stringify(value) };
}

export function notFound(): Answer {
  return { status: 404, body: JSON.stringify({ error: '{ Not Found }' }) };
}

/** The text of a request's body. Throws where it is too large. */
export async function bodyOf(request: IncomingMessage): Promise<string> {
  const body = await readBody(request, MAX_BODY_BYTES);
  if (body === undefined) throw new Error('the body is too large');
  return body;
}
