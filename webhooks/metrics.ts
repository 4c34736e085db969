/** The metrics of the webhooks program. */
import type { Registry } from 'prom-client';
import { counter, gauge, histogram } from '../runtime/metrics.ts';

/** One answered call. `decision` is `allowed`, `patched`, `denied` or `error`. */
export interface AnsweredCall {
  readonly webhook: string;
  readonly operation: string;
  readonly decision: string;
  readonly seconds: number;
  readonly patchBytes: number;
}

export interface WebhookMetrics {
  readonly began: () => void;
  readonly answered: (call: AnsweredCall) => void;
  /** Tells when the certificate in use ends; milliseconds since 1970. */
  readonly certificate: (notAfter: number) => void;
}

/** Registers `opencontrail_admission_*` and `opencontrail_cert_expiry_seconds`. */
export function createWebhookMetrics(registry: Registry): WebhookMetrics {
  const requests = counter(registry, 'admission_requests', 'Answered calls', ['webhook', 'operation', 'decision']);
  const duration = histogram(registry, 'admission_duration', 'From the whole body to the answer', ['webhook']);
  const inFlight = gauge(registry, 'admission_in_flight', 'Calls being answered', []);
  const patchBytes = counter(registry, 'admission_patch_bytes', 'Bytes of patches sent', ['webhook']);
  const expiry = gauge(registry, 'cert_expiry_seconds', 'When the serving certificate ends, seconds since 1970', []);
  return {
    began: () => inFlight.inc(),
    answered: ({ webhook, operation, decision, seconds, patchBytes: bytes }) => {
      inFlight.dec();
      requests.inc({ webhook, operation, decision });
      duration.observe({ webhook }, seconds);
      if (bytes > 0) patchBytes.inc({ webhook }, bytes);
    },
    certificate: (notAfter) => expiry.set(notAfter / 1000),
  };
}
