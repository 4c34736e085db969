/** Settings that several programs have, described once. */
import { z } from 'zod';
import type { Setting } from './config.ts';

/** A time in seconds, as a setting says it. */
export const seconds = z.coerce.number().positive();

export const LOG_LEVEL = {
  describe: 'debug, info, warn, error or silent',
  schema: z.enum(['debug', 'info', 'warn', 'error', 'silent']),
  default: 'info',
} as const satisfies Setting<string>;

/** Where probes and metrics are served; `fallback` is host:port, all addresses where the host is empty. */
export function probesAt(fallback: string) {
  return {
    describe: 'host:port of probes and metrics',
    schema: z.string().regex(/^.*:\d+$/, 'is no host:port'),
    default: fallback,
  } as const satisfies Setting<string>;
}

export const METRICS_LISTEN = {
  describe: 'host:port where metrics alone are served, to other machines too; empty: nowhere but with the probes',
  schema: z.string().regex(/^$|^.*:\d+$/, 'is no host:port'),
  default: '',
} as const satisfies Setting<string>;
