/** The AdmissionReview envelope, `admission.k8s.io/v1`: the only file that knows it. Pure. */
import { z } from 'zod';
import type { Decision } from './decision.ts';

const texts = z.record(z.string(), z.string()).nullish();
const ReviewedObjectSchema = z.object({
  metadata: z
    .object({
      name: z.string().nullish(),
      generateName: z.string().nullish(),
      annotations: texts,
      labels: texts,
      deletionTimestamp: z.string().nullish(),
    })
    .readonly(),
  spec: z
    .object({
      hostNetwork: z.boolean().nullish(),
      serviceAccountName: z.string().nullish(),
      containers: z.unknown().optional(),
      initContainers: z.unknown().optional(),
      // A NetworkConnection's.
      networks: z.unknown().optional(),
      ports: z.unknown().optional(),
      through: z.unknown().optional(),
      // A VirtualNetwork's.
      forwarding: z.unknown().optional(),
      subnets: z.unknown().optional(),
    })
    .nullish(),
  status: z.unknown().optional(),
});

const RequestSchema = z.object({
  uid: z.string().min(1),
  resource: z.object({ group: z.string(), resource: z.string() }),
  subResource: z.string().nullish(),
  operation: z.enum(['CREATE', 'UPDATE', 'DELETE', 'CONNECT']),
  namespace: z.string().default(''),
  name: z.string().default(''),
  userInfo: z
    .object({
      username: z.string().default(''),
      uid: z.string().optional(),
      groups: z.array(z.string()).nullish(),
      extra: z.record(z.string(), z.array(z.string())).nullish(),
    })
    .nullish(),
  object: ReviewedObjectSchema.nullish(),
  oldObject: ReviewedObjectSchema.nullish(),
});

const ReviewSchema = z.object({
  apiVersion: z.literal('admission.k8s.io/v1'),
  kind: z.literal('AdmissionReview'),
  request: RequestSchema,
});

/** What handlers read of an object under review; unknown fields and kinds are left alone. */
export type ReviewedObject = z.infer<typeof ReviewedObjectSchema>;
/** What handlers read of a request. `uid` is the call's, not the object's, which has none at CREATE. */
export type AdmissionRequest = z.infer<typeof RequestSchema>;

/** The request, or what is wrong with the body. */
export type ReviewParse =
  | { readonly kind: 'request'; readonly request: AdmissionRequest }
  | { readonly kind: 'invalid'; readonly message: string };

/** Reads the body of a call. */
export function parseReview(body: unknown): ReviewParse {
  const parsed = ReviewSchema.safeParse(body);
  if (parsed.success) return { kind: 'request', request: parsed.data.request };
  const [issue] = parsed.error.issues;
  return { kind: 'invalid', message: `not an AdmissionReview: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}` };
}

/** The annotations of an object under review; empty where it has none. */
export function annotationsOf(object: ReviewedObject | null | undefined): Readonly<Record<string, string>> {
  return object?.metadata.annotations ?? {};
}

/** The answer to a call: its own uid, and the decision. */
export function reviewOf(uid: string, decision: Decision) {
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: {
      uid,
      allowed: decision.kind !== 'denied',
      ...verdictOf(decision),
      ...(decision.warnings === undefined || decision.warnings.length === 0 ? {} : { warnings: decision.warnings }),
      ...(decision.audit === undefined ? {} : { auditAnnotations: decision.audit }),
    },
  } as const;
}

/** A body for calls that cannot be answered with a decision: what kubectl would print of a Status. */
export function failureStatus(code: number, message: string) {
  return { apiVersion: 'v1', kind: 'Status', status: 'Failure', code, message } as const;
}

function verdictOf(decision: Decision) {
  if (decision.kind === 'allowed') return {};
  if (decision.kind === 'denied') {
    const reason = decision.code === 403 ? 'Forbidden' : 'Invalid';
    return { status: { code: decision.code, reason, message: decision.message } } as const;
  }
  const patch = Buffer.from(JSON.stringify(decision.operations)).toString('base64');
  return { patchType: 'JSONPatch', patch } as const;
}
