/** A TCP relay to an API server that can be cut: what is sent then is lost without a word, as behind a broken switch. */
import { startRelay } from '../relay.ts';

export interface CutRelay {
  readonly url: string;
  readonly cut: () => void;
  /** New connections pass again; those that were cut never do. */
  readonly mend: () => void;
  readonly close: () => Promise<void>;
}

/** Relays a port of its own on 127.0.0.1 to `target`, an `https://127.0.0.1:<port>`. */
export async function startCutRelay(target: string): Promise<CutRelay> {
  let isCut = false;
  const { port, sockets, close } = await startRelay(target, (inner, outer) => {
    if (isCut) return;
    inner.pipe(outer);
    outer.pipe(inner);
  });
  return {
    url: `https://127.0.0.1:${port}`,
    cut: () => {
      isCut = true;
      for (const socket of sockets) {
        socket.unpipe();
        socket.pause();
      }
    },
    mend: () => {
      isCut = false;
    },
    close,
  };
}
