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

/** Where a server listens. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Written `host:port`, an IPv6 host in brackets; all addresses where the host is missing. */
export const listenAddress = z.string().transform((value, context): ListenAddress => {
  const [, bracketed, plain = '', digits = ''] = /^(?:\[(.+)\]|([^:]*)):(\d+)$/.exec(value) ?? [];
  const port = Number(digits || NaN);
  if (port <= 65_535) return { host: bracketed ?? (plain || '::'), port };
  context.addIssue({ code: 'custom', message: 'write host:port, such as 0.0.0.0:9443 or [::1]:9443' });
  return z.NEVER;
});

/** Where probes and metrics are served. */
export function probesAt(fallback: string) {
  return {
    describe: 'host:port of probes and metrics',
    schema: listenAddress,
    default: fallback,
  } as const satisfies Setting<ListenAddress>;
}

export const METRICS_LISTEN = {
  describe: 'host:port where metrics alone are served, to other machines too; empty: nowhere but with the probes',
  schema: z
    .literal('')
    .transform(() => undefined)
    .or(listenAddress),
  default: '',
} as const satisfies Setting<ListenAddress | undefined>;
