/** A TCP relay that takes its time: each piece of a request goes on so much later, as over a long line; answers are not held. */
import { connect, createServer, type Socket } from 'node:net';

export interface SlowRelay {
  readonly url: string;
  /** From now on pieces are held for so many milliseconds; those that are held already keep their time. */
  readonly delay: (ms: number) => void;
  readonly close: () => Promise<void>;
}

/** Relays a port of its own on 127.0.0.1 to `target`, an `http://127.0.0.1:<port>`. Works on bytes, so it costs next to no time itself. */
export async function startSlowRelay(target: string, delayMs: number): Promise<SlowRelay> {
  const { port } = new URL(target);
  const sockets = new Set<Socket>();
  let held = delayMs;
  const server = createServer({ noDelay: true }, (inner) => {
    const outer = connect({ port: Number(port), host: '127.0.0.1', noDelay: true });
    for (const socket of [inner, outer]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        inner.destroy();
        outer.destroy();
      });
    }
    // What is held when the test is over keeps no process.
    inner.on('data', (piece) => void setTimeout(() => outer.write(piece), held).unref());
    outer.pipe(inner);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    delay: (ms) => {
      held = ms;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
