/** A TCP relay that takes its time: each piece of a request goes on so much later, as over a long line; answers are not held. */
import { startRelay } from '../relay.ts';

export interface SlowRelay {
  readonly url: string;
  /** From now on pieces are held for so many milliseconds; those that are held already keep their time. */
  readonly delay: (ms: number) => void;
  readonly close: () => Promise<void>;
}

/** Relays a port of its own on 127.0.0.1 to `target`, an `http://127.0.0.1:<port>`. */
export async function startSlowRelay(target: string, delayMs: number): Promise<SlowRelay> {
  let held = delayMs;
  const { port, close } = await startRelay(target, (inner, outer) => {
    // What is held when the test is over keeps no process.
    inner.on('data', (piece) => void setTimeout(() => outer.write(piece), held).unref());
    outer.pipe(inner);
  });
  return {
    url: `http://127.0.0.1:${port}`,
    delay: (ms) => {
      held = ms;
    },
    close,
  };
}
