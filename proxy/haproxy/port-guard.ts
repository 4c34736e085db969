/**
 * Ports that somebody else on this node has: one of them in a configuration, and HAProxy takes up nothing of it. So they are
 * looked for before, and left out.
 */
import { createServer } from 'node:net';

export interface PortGuard {
  /** Those of the ports that are neither free nor HAProxy's already. */
  readonly takenOf: (ports: readonly number[]) => Promise<ReadonlySet<number>>;
  /** Notes the ports at which HAProxy listens now. */
  readonly hold: (ports: readonly number[]) => void;
}

/** HAProxy listens nowhere yet. */
export function createPortGuard(): PortGuard {
  let held: ReadonlySet<number> = new Set();
  return {
    async takenOf(ports) {
      const asked = ports.filter((port) => !held.has(port));
      const taken = await Promise.all(asked.map(async (port) => ((await isTaken(port)) ? [port] : [])));
      return new Set(taken.flat());
    },
    hold: (ports) => {
      held = new Set(ports);
    },
  };
}

/** Listens for a moment, as HAProxy would: at all addresses of both families. */
async function isTaken(port: number): Promise<boolean> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<boolean>();
  server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'EADDRINUSE'));
  server.listen({ port, host: '::', exclusive: true }, () => server.close(() => resolve(false)));
  return await promise;
}
