/** The TLS server: certificates replaced while it runs, connections drained when it stops. */
import { createServer, type Server } from 'node:https';
import type { RequestListener } from 'node:http';
import { isMatchingPair } from '../certs/pem.ts';
import type { Pair } from '../certs/issue.ts';

/** A server that has no certificate until it is given one; it listens from the first one on. */
export interface TlsServer {
  /** Uses this certificate for new connections; an unusable one is refused with `false` and the last good one stays. */
  readonly use: (pair: Pair) => boolean;
  readonly isServing: () => boolean;
  /** Resolves when listening. */
  readonly listening: Promise<{ readonly port: number }>;
  /** Answers what is in flight, then closes. */
  readonly close: () => Promise<void>;
}

/** Where to listen, and whose client certificates are accepted (PEM; absent: nobody is asked for one). */
export interface ServerOptions {
  readonly host: string;
  readonly port: number;
  readonly clientCa?: string;
}

/** The API server keeps idle connections for 90 s; whoever closes first must not be us, or a call is lost. */
const KEEP_ALIVE_MS = 120_000;

export function createTlsServer(app: RequestListener, options: ServerOptions): TlsServer {
  const { clientCa } = options;
  // Without rejectUnauthorized probes pass without a certificate; the app asks for it where it matters.
  const client = clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: false };
  const started = Promise.withResolvers<{ readonly port: number }>();
  started.promise.catch(() => undefined); // Thrown to whoever awaits it.
  let server: Server | undefined;
  let current: Pair | undefined;
  return {
    listening: started.promise,
    isServing: () => server?.listening === true,
    use: (pair) => {
      if (!isMatchingPair(pair)) return false;
      if (pair.cert === current?.cert && pair.key === current.key) return true;
      current = pair;
      const context = { ...client, cert: pair.cert, key: pair.key, minVersion: 'TLSv1.2' } as const;
      if (server === undefined)
        server = listen(createServer({ ...context, keepAliveTimeout: KEEP_ALIVE_MS }, app), options, started);
      else server.setSecureContext(context);
      return true;
    },
    close: async () => {
      if (server === undefined) return;
      const closing = server;
      await new Promise<void>((resolve) => {
        closing.close(() => resolve());
        closing.closeIdleConnections();
      });
    },
  };
}

function listen(
  server: Server,
  { host, port }: ServerOptions,
  started: PromiseWithResolvers<{ readonly port: number }>,
): Server {
  server.once('error', started.reject);
  server.headersTimeout = KEEP_ALIVE_MS + 1000;
  server.listen(port, host, () => {
    const address = server.address();
    started.resolve({ port: typeof address === 'object' && address !== null ? address.port : port });
  });
  return server;
}
