/** Refused connections as nodes tell them (`/introspect/drops`), and as a user reads them. */
import { z } from 'zod';

const end = z.object({ address: z.string(), network: z.string().optional() });

export const dropsSchema = z.array(
  z.object({
    reason: z.enum(['ingress', 'egress', 'network', 'chain']),
    from: end,
    to: end,
    protocol: z.string(),
    port: z.number().optional(),
    packets: z.number(),
    secondsAgo: z.number(),
    groups: z.array(z.string()),
    rules: z.array(z.string()),
  }),
);
export type NodeDrop = z.infer<typeof dropsSchema>[number];

/** A refused connection with the names of its pods and of the policies that restrict the one that refused it. */
export interface Drop extends Omit<NodeDrop, 'from' | 'to' | 'groups' | 'rules'> {
  readonly node: string;
  /** A pod's name, or an address. */
  readonly from: string;
  readonly to: string;
  readonly by: readonly string[];
  /** Whether `by` is the rule that refuses it; else these restrict the pod, and none of their rules allows it. */
  readonly isByRule: boolean;
}
