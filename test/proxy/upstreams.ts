/** Web servers behind the proxy, and clients before it. */
import { createServer, request, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer, request as requestTls } from 'node:https';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { TLSSocket } from 'node:tls';

export interface Upstream {
  /** `address:port`. */
  readonly at: string;
  readonly port: number;
  /** The status that `/healthz` is answered with. */
  readonly health: { status: number };
  readonly stop: () => Promise<void>;
}

/** An address of this machine that the API server takes for an endpoint's: it refuses loopback ones. */
export function machineAddress(): string {
  const found = Object.values(networkInterfaces())
    .flat()
    .find((each) => each?.family === 'IPv4' && !each.internal);
  if (found === undefined) throw new Error('this machine has no IPv4 address but the loopback one');
  return found.address;
}

/** A server that answers every request with its name, and what the proxy told it. */
export async function startUpstream(
  name: string,
  address = '127.0.0.1',
  tls?: { readonly cert: string; readonly key: string },
): Promise<Upstream> {
  const health = { status: 200 };
  const answer: RequestListener = (incoming, response) => {
    if (incoming.url === '/healthz') response.statusCode = health.status;
    const told = Object.entries(incoming.headers).filter(([header]) => header.startsWith('x-') || header === 'host');
    response.setHeader('x-answered-by', name);
    response.end(JSON.stringify({ name, path: incoming.url, ...Object.fromEntries(told) }));
  };
  const server = tls === undefined ? createServer(answer) : createTlsServer(tls, answer);
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  // A listening server has an address and a port.
  const { port } = server.address() as AddressInfo;
  return { at: `${address}:${port}`, port, health, stop: async () => await close(server) };
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

/** What came back: who answered (or nobody), with which status. */
export interface Answer {
  readonly status: number;
  readonly name?: string;
  readonly [header: string]: unknown;
}

export interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Asks the proxy for a path of a host; `location` is where it is sent on to. */
export async function ask(port: number, host: string, path = '/', asked: Asked = {}): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const headers = { ...asked.headers, ...(host === '' ? {} : { host }) };
    const { method = 'GET' } = asked;
    request({ host: '127.0.0.1', port, path, headers, method, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => {
        const { location, ...rest } = response.headers;
        const told = Object.entries(rest).filter(([name]) => name.startsWith('x-answer'));
        resolve({
          status: response.statusCode ?? 0,
          ...(location && { location }),
          ...Object.fromEntries(told),
          ...parsed(text),
        });
      });
    })
      .on('error', reject)
      .end();
  });
}

/** The common name of the certificate that is shown for a host, and who answers; throws where none is shown. */
export async function askTls(
  port: number,
  host: string,
): Promise<{ readonly subject: string; readonly status: number }> {
  return await new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port,
      servername: host,
      headers: { host },
      rejectUnauthorized: false,
      agent: false,
    };
    requestTls(options, (response) => {
      // A request over TLS has a TLS socket.
      const subject = String((response.socket as TLSSocket).getPeerCertificate().subject?.CN ?? '');
      response.resume().on('end', () => resolve({ subject, status: response.statusCode ?? 0 }));
    })
      .on('error', reject)
      .end();
  });
}

function parsed(text: string): object {
  return text.startsWith('{') ? (JSON.parse(text) as object) : {};
}
