/** Reads the body of a request to one of our HTTP servers. */
import type { IncomingMessage } from 'node:http';

/** The body as text, or `undefined` when it is longer than `maxBytes`; what follows is left unread. Throws when the connection breaks. */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  // Without an encoding, chunks are buffers.
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
