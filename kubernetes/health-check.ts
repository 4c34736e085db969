/** How back ends of a Service are asked whether they are well: the grammar of `opencontrail.org/health-check`. Pure. */
import { z } from 'zod';
import { type Parser, structured } from './grammar.ts';

/** A check, with what it does not say filled in. */
export type HealthCheck = z.infer<typeof HealthCheckSchema>;

const HealthCheckSchema = z
  .strictObject({
    type: z.enum(['HTTP', 'HTTPS', 'TCP', 'PING']),
    /** What HTTP asks for. */
    path: z
      .string()
      .regex(/^\/[!-~]*$/, 'a path begins with "/" and has no spaces')
      .optional(),
    /** The port that is asked, if it is not the back end's own. */
    port: z.int().min(1).max(65_535).optional(),
    /** Seconds from one question to the next. */
    delay: z.int().min(1).max(3600).default(5),
    /** Seconds that an answer may take. */
    timeout: z.int().min(1).max(60).default(3),
    /** How many questions in a row have to fail before a back end is left out. */
    retries: z.int().min(1).max(10).default(2),
  })
  .refine(({ type, path }) => path === undefined || type.startsWith('HTTP'), {
    path: ['path'],
    message: 'only HTTP and HTTPS ask for a path',
  })
  .refine(({ type, port }) => port === undefined || type !== 'PING', { path: ['port'], message: 'PING asks no port' })
  .readonly();

/** A check as JSON or a Python literal. */
export const parseHealthCheck: Parser<HealthCheck> = (text) =>
  structured(text, HealthCheckSchema, '{"type": "HTTP", "path": "/healthz"}, of type HTTP, HTTPS, TCP or PING');
