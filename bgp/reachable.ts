/** What this node's vRouter serves the outside, asked at its port API. */
import { z } from 'zod';

const ReachableSchema = z.object({
  floating: z.array(z.string()).readonly(),
  services: z.array(z.string()).readonly(),
  routers: z.array(z.string()).readonly(),
  // A vRouter of before has none.
  pods: z.array(z.string()).readonly().default([]),
  subnets: z.array(z.string()).readonly(),
});

export type Reachable = z.infer<typeof ReachableSchema>;

const TIMEOUT_MS = 5_000;

/** Throws where the vRouter cannot be asked, or does not know yet. */
export async function readReachable(vrouter: string, signal: AbortSignal): Promise<Reachable> {
  const response = await fetch(new URL('/introspect/reachable', vrouter), {
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
  });
  if (!response.ok) throw new Error(`the vRouter at ${vrouter} does not know yet what it serves (${response.status})`);
  return ReachableSchema.parse(await response.json());
}
