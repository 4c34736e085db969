/** Opens the server's socket: plain, or TLS with a certificate that is read again when its files change. */
import { readFile, stat } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Logger } from '../../runtime/log.ts';

interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  /** How often to look whether they have changed, in milliseconds; default 5000. */
  readonly reloadMs?: number;
}

export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  /** Files in PEM; both or neither. */
  readonly tls?: TlsFiles;
}

/** Mounted secrets change through symbolic links, which no watch follows: so their times are looked at. */
const RELOAD_MS = 5_000;

/** Resolves when the socket is open. Closing the server ends its timer. */
export async function listen(options: ListenOptions, app: RequestListener, log: Logger): Promise<Server> {
  const server = options.tls === undefined ? createServer(app) : await tlsServer(options.tls, app, log);
  server.keepAliveTimeout = 65_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  return server;
}

async function tlsServer(files: TlsFiles, app: RequestListener, log: Logger): Promise<Server> {
  const load = async () => ({ cert: await readFile(files.certFile), key: await readFile(files.keyFile) });
  // Before they are read: what is written meanwhile is read again.
  let seen = await timeOf(files);
  const server = createTlsServer({ ...(await load()), minVersion: 'TLSv1.2' }, app);
  const reload = async (): Promise<void> => {
    const time = await timeOf(files);
    if (time === seen) return;
    server.setSecureContext({ ...(await load()), minVersion: 'TLSv1.2' });
    seen = time;
    log.info('certificate reloaded');
  };
  const timer = setInterval(() => {
    reload().catch((error: unknown) => log.warn({ error }, 'certificate cannot be read'));
  }, files.reloadMs ?? RELOAD_MS);
  server.once('close', () => clearInterval(timer));
  return server;
}

async function timeOf(files: TlsFiles): Promise<string> {
  const stats = await Promise.all([stat(files.certFile), stat(files.keyFile)]);
  return stats.map(({ mtimeMs, ino }) => `${mtimeMs}/${ino}`).join();
}
