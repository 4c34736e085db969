/** A TCP relay of a test's own, on a port of 127.0.0.1: what passes, and when, is for the test to say. */
import { connect, createServer, type Socket } from 'node:net';

export interface Relay {
  readonly port: number;
  /** From now on the connections that stand pass nothing, and stay open. */
  readonly silence: () => void;
  readonly close: () => Promise<void>;
}

/** Everything passes at once, both ways. */
export function joinBoth(inner: Socket, outer: Socket): void {
  inner.pipe(outer);
  outer.pipe(inner);
}

/** Connects whoever comes to `target`, a URL of 127.0.0.1; `join` makes pieces pass. Works on bytes, so it costs next to no time itself. */
export async function startRelay(target: string, join: (inner: Socket, outer: Socket) => void): Promise<Relay> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (inner) => {
    const outer = connect({ port: Number(new URL(target).port), host: '127.0.0.1', noDelay: true });
    for (const socket of [inner, outer]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        inner.destroy();
        outer.destroy();
      });
    }
    join(inner, outer);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    silence: () => {
      for (const socket of sockets) {
        socket.unpipe();
        socket.pause();
      }
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
