/** Structured logging to stderr: constant messages, facts as keys (style 38). */
import { type Logger, pino } from 'pino';

export type { Logger };

/** A JSON logger on stderr. `level` is one of pino's (`debug`, `info`, `warn`, `error`, `silent`). */
export function createLogger(program: string, level: string): Logger {
  return pino(
    {
      level,
      base: { program },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: pino.stdSerializers.err },
    },
    pino.destination({ fd: 2, sync: true }),
  );
}
