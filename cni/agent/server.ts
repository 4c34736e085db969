/** The unix socket on which the plugin asks: a line of JSON in, a line of JSON out. */
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { z } from 'zod';
import { messageOf } from '../../runtime/errors.ts';
import { type CniRequest, type CniResponse, CNI_VERSIONS, ERROR_CODES } from '../protocol.ts';
import { CniFailure } from './failure.ts';

/** A configuration with a long `prevResult` is some kilobytes; GC names every sandbox of the node. */
const MAX_REQUEST_BYTES = 1_048_576;

const RequestSchema = z.object({
  protocol: z.number(),
  command: z.enum(['ADD', 'DEL', 'CHECK', 'GC', 'STATUS']),
  cniVersion: z.enum(CNI_VERSIONS as [string, ...string[]]),
  containerId: z.string().optional(),
  netns: z.string().optional(),
  ifname: z.string().optional(),
  args: z.record(z.string(), z.string()),
  config: z.record(z.string(), z.unknown()),
});

/** Answers one request. The signal is aborted when the plugin goes away (the runtime gave up). */
export type Answer = (request: CniRequest, signal: AbortSignal) => Promise<CniResponse>;

/** Listens at `path`, where only root may connect; a socket left by a predecessor is replaced. Resolves when listening. */
export async function serveCni(path: string, answer: Answer): Promise<Server> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  rmSync(path, { force: true });
  const server = createServer((socket) => handle(socket, answer));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  chmodSync(path, 0o600);
  return server;
}

function handle(socket: Socket, answer: Answer): void {
  const gone = new AbortController();
  let received = '';
  let taken = false;
  socket.setEncoding('utf8');
  const hangUp = (): void => gone.abort(new CniFailure('tryAgainLater', 'the runtime has given up'));
  socket.on('error', hangUp);
  socket.on('close', hangUp);
  socket.on('data', (text) => {
    if (taken) return;
    received += String(text);
    if (received.length > MAX_REQUEST_BYTES) socket.destroy();
    if (!received.includes('\n')) return;
    taken = true;
    void reply(received, answer, gone.signal).then((response) => socket.end(`${JSON.stringify(response)}\n`));
  });
}

async function reply(line: string, answer: Answer, signal: AbortSignal): Promise<CniResponse> {
  let request: CniRequest;
  try {
    // Zod spells absent fields `undefined`; the protocol leaves them out, and JSON has no other way to say it.
    request = RequestSchema.parse(JSON.parse(line)) as CniRequest;
  } catch (error) {
    return {
      kind: 'error',
      error: { code: ERROR_CODES.decode, msg: `cannot decode the request: ${messageOf(error)}` },
    };
  }
  return await answer(request, signal);
}
