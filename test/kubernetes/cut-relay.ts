/** A TCP relay to an API server that can be cut: what is sent then is lost without a word, as behind a broken switch. */
import { joinBoth, startRelay } from '../relay.ts';

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
  const { port, silence, close } = await startRelay(target, (inner, outer) => {
    if (!isCut) joinBoth(inner, outer);
  });
  return {
    url: `https://127.0.0.1:${port}`,
    cut: () => {
      isCut = true;
      silence();
    },
    mend: () => {
      isCut = false;
    },
    close,
  };
}
