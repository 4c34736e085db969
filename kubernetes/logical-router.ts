/** The resource LogicalRouter (`opencontrail.org/v1alpha1`) as programs read it. Pure. */
import { z } from 'zod';
import { canonicalAddress } from '../runtime/addresses.ts';
import type { KubeObject } from './client.ts';
import type { ConnectedNetwork } from './network-connection.ts';
import { collectionPath } from './resources.ts';

/** The collection's path. */
export const LOGICAL_ROUTERS = collectionPath('logicalrouters');

const NetworkSchema = z
  .object({
    kind: z.enum(['VirtualNetwork', 'NetworkAttachmentDefinition', 'Namespace', 'App']).default('VirtualNetwork'),
    name: z.string().default(''),
  })
  .readonly();
const SpecSchema = z.object({
  pool: z.string(),
  networks: z.array(NetworkSchema).readonly(),
  /** Without any the pool gives one for each of the families: IPv4, if it has such, unless some are said. */
  addresses: z.array(z.string().transform(canonicalAddress)).readonly().default([]),
  families: z
    .array(z.enum(['IPv4', 'IPv6']))
    .readonly()
    .optional(),
});

export interface SlimLogicalRouter extends Omit<z.infer<typeof SpecSchema>, 'networks'> {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  /** Those of its own namespace. */
  readonly networks: readonly ConnectedNetwork[];
  /** The addresses that it was given. */
  readonly assigned: readonly string[];
  /** The status as it stands, which only our workers write. */
  readonly status: unknown;
}

/** The API server has validated the object against the resource's schema. */
export function slimLogicalRouter(raw: KubeObject): SlimLogicalRouter {
  const { metadata, spec, status } = raw as KubeObject & {
    readonly spec?: unknown;
    readonly status?: { readonly addresses?: readonly string[] };
  };
  const namespace = metadata.namespace ?? '';
  const { networks, ...rest } = SpecSchema.parse(spec);
  return {
    namespace,
    name: metadata.name,
    uid: metadata.uid,
    generation: (metadata as { readonly generation?: number }).generation ?? 0,
    ...rest,
    // The network of a namespace that is isolated is its own.
    networks: networks.map(({ kind, name }) => ({ kind, name: kind === 'Namespace' ? namespace : name })),
    assigned: status?.addresses ?? [],
    status,
  };
}
