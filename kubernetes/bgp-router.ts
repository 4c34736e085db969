/** The resource BGPRouter (`opencontrail.org/v1alpha1`) as programs read it. Pure. */
import { z } from 'zod';
import type { KubeObject } from './client.ts';
import { collectionPath } from './resources.ts';

/** The collection's path. */
export const BGP_ROUTERS = collectionPath('bgprouters');

const NeighborSchema = z
  .object({
    address: z.string(),
    asn: z.number(),
    port: z.number().default(179),
    passwordKey: z.string().optional(),
    multihop: z.number().optional(),
    bfd: z.object({ intervalMilliseconds: z.number().default(300), multiplier: z.number().default(3) }).optional(),
  })
  .readonly();
const SelectorSchema = z.object({
  matchLabels: z.record(z.string(), z.string()).default({}),
  matchExpressions: z
    .array(z.object({ key: z.string(), operator: z.string(), values: z.array(z.string()).default([]) }))
    .readonly()
    .default([]),
});
const SpecSchema = z.object({
  nodeSelector: SelectorSchema.prefault({}),
  asn: z.number(),
  neighbors: z.array(NeighborSchema).readonly(),
  holdSeconds: z.number().default(90),
  gracefulRestartSeconds: z.number().optional(),
  announce: z
    .array(z.enum(['FloatingIPs', 'LogicalRouters', 'Pods', 'Services']))
    .readonly()
    .default(['FloatingIPs', 'LogicalRouters', 'Services']),
  communities: z.array(z.string()).readonly().default([]),
  learn: z
    .object({ prefixes: z.array(z.string()).readonly().optional(), limit: z.number().default(1000) })
    .readonly()
    .optional(),
});
const SessionSchema = z
  .object({
    address: z.string(),
    state: z.string(),
    sent: z.number().optional(),
    received: z.number().optional(),
    reason: z.string().optional(),
    message: z.string().optional(),
  })
  .readonly();
const StatusSchema = z.object({
  sessions: z.string().optional(),
  nodes: z
    .array(z.object({ name: z.string(), neighbors: z.array(SessionSchema).readonly().default([]) }).readonly())
    .readonly()
    .default([]),
  conditions: z
    .array(
      z
        .object({
          type: z.string(),
          status: z.string(),
          reason: z.string().optional(),
          message: z.string().optional(),
          observedGeneration: z.number().optional(),
          lastTransitionTime: z.string().optional(),
        })
        .readonly(),
    )
    .readonly()
    .default([]),
});

export type BgpNeighbor = z.infer<typeof NeighborSchema>;
/** What a node says of its session with a neighbor. */
export type BgpSession = z.infer<typeof SessionSchema>;

export interface SlimBgpRouter extends z.infer<typeof SpecSchema> {
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  readonly status: z.infer<typeof StatusSchema>;
}

/** The API server has validated the object against the resource's schema. */
export function slimBgpRouter(raw: KubeObject): SlimBgpRouter {
  const { metadata, spec, status } = raw as KubeObject & { readonly spec?: unknown; readonly status?: unknown };
  return {
    name: metadata.name,
    uid: metadata.uid,
    generation: (metadata as { readonly generation?: number }).generation ?? 0,
    ...SpecSchema.parse(spec),
    status: StatusSchema.parse(status ?? {}),
  };
}
