/** Starting and stopping: one signal handler per process, closers run last-opened first, within a grace period. */
import { messageOf } from './errors.ts';
import type { Logger } from './log.ts';

/** Something opened that must be closed again. */
export interface Closer {
  readonly name: string;
  readonly close: () => Promise<void> | void;
}

export interface Lifecycle {
  /** Aborted on SIGTERM or SIGINT, before anything is closed. */
  readonly signal: AbortSignal;
  /** Registers what must be closed at the end; the last registered is closed first. */
  readonly onClose: (name: string, close: Closer['close']) => void;
}

/**
 * Runs a program until SIGTERM or SIGINT, then closes what it opened. Exit code 0 after a clean stop, 1 when the start
 * failed or something threw outside every handler. The grace period bounds the closing, in milliseconds.
 */
export async function runProgram(
  log: Logger,
  graceMs: number,
  start: (lifecycle: Lifecycle) => Promise<void>,
): Promise<void> {
  const abort = new AbortController();
  const closers: Closer[] = [];
  const stopped = new Promise<void>((resolve) =>
    abort.signal.addEventListener('abort', () => resolve(), { once: true }),
  );
  const stop = (name: NodeJS.Signals): void => {
    log.info({ signal: name }, 'stopping');
    abort.abort();
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  process.on('unhandledRejection', (error) => {
    log.error({ error }, 'unhandled rejection');
    process.exit(1);
  });
  try {
    await start({ signal: abort.signal, onClose: (name, close) => closers.push({ name, close }) });
  } catch (error) {
    log.error({ error }, 'cannot start');
    process.exit(1);
  }
  await stopped;
  setTimeout(() => process.exit(1), graceMs).unref();
  for (const { name, close } of closers.reverse()) {
    try {
      await close();
    } catch (error) {
      log.warn({ closer: name, reason: messageOf(error) }, 'cannot close');
    }
  }
  log.info('stopped');
  process.exit(0);
}
