/** The resource ServiceChain (`opencontrail.org/v1alpha1`) as programs read it. Pure. */
import { z } from 'zod';
import type { KubeObject } from './client.ts';
import { ConnectedNetworkSchema } from './network-connection.ts';
import { collectionPath, type RawResource, type SlimResource, slimResource } from './resources.ts';
import type { LabelSelector } from './selector.ts';

/** The collection's path. */
export const SERVICE_CHAINS = collectionPath('servicechains');

const ServiceSchema = z
  .object({
    name: z.string(),
    kind: z.enum(['InNetwork', 'InNetworkNAT', 'Transparent']).default('InNetwork'),
    // The API server has validated it.
    selector: z.custom<LabelSelector>(),
    whenEmpty: z.enum(['Block', 'Bypass']).default('Block'),
  })
  .readonly();
const SpecSchema = z.object({
  left: ConnectedNetworkSchema,
  right: ConnectedNetworkSchema,
  services: z.array(ServiceSchema).readonly(),
});

/** A service of a chain: the pods that do its work, each with an interface in both networks. */
export type ChainService = z.infer<typeof ServiceSchema>;

export interface SlimServiceChain extends z.infer<typeof SpecSchema>, SlimResource {}

/** The API server has validated the object against the resource's schema. */
export function slimServiceChain(raw: KubeObject): SlimServiceChain {
  const { spec } = raw as RawResource;
  return { ...slimResource(raw), ...SpecSchema.parse(spec) };
}
