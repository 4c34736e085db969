/** A TCP relay to an API server that can be cut: what is sent then is lost without a word, as behind a broken switch. */
import { connect, createServer, type Socket } from 'node:net';

export interface CutRelay {
  readonly url: string;
  readonly cut: () => void;
  /** New connections pass again; those that were cut never do. */
  readonly mend: () => void;
  readonly close: () => Promise<void>;
}

/** Relays a port of its own on 127.0.0.1 to `target`, an `https://127.0.0.1:<port>`. */
export async function startCutRelay(target: string): Promise<CutRelay> {
  const port = Number(new URL(target).port);
  const sockets = new Set<Socket>();
  let isCut = false;
  const server = createServer((inner) => {
    const outer = connect({ port, host: '127.0.0.1' });
    for (const [from, to] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      sockets.add(from);
      from.on('error', () => undefined);
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
    if (isCut) sever(inner, outer);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    url: `https://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    cut: () => {
      isCut = true;
      sever(...sockets);
    },
    mend: () => {
      isCut = false;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function sever(...sockets: readonly Socket[]): void {
  for (const socket of sockets) {
    socket.unpipe();
    socket.pause();
  }
}
