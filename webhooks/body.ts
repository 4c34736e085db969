/** Reads a call's body once, within its limit. Express's own reader negotiates charsets and compression that API servers do not use. */
import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';

/** What an API server sends at most: an object of 1.5 MiB, twice. */
const MAX_BODY_BYTES = 3 * 1024 * 1024;

export type Body =
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'refused'; readonly code: 400 | 413 | 415; readonly message: string };

/** A request of HTTP/1.1 or HTTP/2. */
type Incoming = Pick<IncomingMessage | Http2ServerRequest, 'headers' | 'on'>;

/** The body as JSON, or the status and the sentence that refuse it. Throws when the connection breaks. */
export async function readBody(request: Incoming): Promise<Body> {
  const type = request.headers['content-type'];
  return isJson(type) ? parseBody(type, await readBytes(request)) : NOT_JSON;
}

/** The same from a body that a platform has read already; `undefined` stands for one that is too long. Pure. */
export function parseBody(contentType: string | undefined, bytes: Buffer | undefined): Body {
  if (!isJson(contentType)) return NOT_JSON;
  if (bytes === undefined || bytes.length > MAX_BODY_BYTES)
    return { kind: 'refused', code: 413, message: `the body is longer than ${MAX_BODY_BYTES} bytes` };
  try {
    return { kind: 'json', value: JSON.parse(bytes.toString('utf8')) as unknown };
  } catch {
    return { kind: 'refused', code: 400, message: 'the body is not JSON' };
  }
}

const NOT_JSON: Body = { kind: 'refused', code: 415, message: 'the body must be application/json' };

function isJson(contentType = ''): boolean {
  return /^application\/json\s*(;|$)/i.test(contentType);
}

/** `undefined` once there are too many; what follows is then let through unread, so that the answer arrives. */
async function readBytes(request: Incoming): Promise<Buffer | undefined> {
  return await new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= MAX_BODY_BYTES) chunks.push(chunk);
      else resolve(undefined);
    });
    request.on('end', () => resolve(Buffer.concat(chunks)));
    request.on('error', reject);
    request.on('aborted', () => reject(new Error('the caller went away')));
  });
}
