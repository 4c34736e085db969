/** What rules have decided, as nodes tell it (`/introspect/hits`) and as a user reads it. */
import { z } from 'zod';

export const hitCountSchema = z.object({
  forSeconds: z.number(),
  isComplete: z.boolean(),
  hits: z.array(
    z.object({
      direction: z.enum(['ingress', 'egress']),
      tier: z.string(),
      by: z.string(),
      rule: z.string().optional(),
      allowed: z.number(),
      refused: z.number(),
    }),
  ),
});
export type NodeHit = z.infer<typeof hitCountSchema>['hits'][number];

/** What one rule has decided on all nodes. */
export interface RuleHits {
  readonly direction: 'ingress' | 'egress';
  /** `NetworkPolicy shop/web`, `ClusterNetworkPolicy tenants`, or what an operator wrote into the config API. */
  readonly policy: string;
  /** `spec.ingress[0]`, or a rule's own name; absent where it is the policy as a whole that refuses. */
  readonly rule?: string;
  /** New connections. */
  readonly allowed: number;
  /** Packets. */
  readonly refused: number;
}
