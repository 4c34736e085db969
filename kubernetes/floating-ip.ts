/** The resource FloatingIP (`opencontrail.org/v1alpha1`) as programs read it. Pure. */
import { z } from 'zod';
import { canonicalAddress } from '../runtime/addresses.ts';
import type { KubeObject } from './client.ts';
import { isSelected, type LabelSelector } from './selector.ts';
import { collectionPath } from './resources.ts';

/** The collection's path. */
export const FLOATING_IPS = collectionPath('floatingips');

const PortSchema = z
  .object({
    protocol: z.enum(['TCP', 'UDP', 'SCTP']).default('TCP'),
    port: z.number(),
    targetPort: z.number().optional(),
  })
  .readonly();
const SpecSchema = z.object({
  pool: z.string(),
  /** Without one the pool gives one of the family: IPv4, if it has such, unless one is said. */
  address: z.string().transform(canonicalAddress).optional(),
  family: z.enum(['IPv4', 'IPv6']).optional(),
  /** Who holds it, in its namespace; nobody, where none is said. */
  pod: z.string().optional(),
  service: z.string().optional(),
  selector: z.custom<LabelSelector>((value) => typeof value === 'object').optional(),
  direction: z.enum(['Both', 'Ingress', 'Egress']).default('Both'),
  /** Empty for everything. */
  ports: z.array(PortSchema).readonly().default([]),
});

export interface SlimFloatingIp extends z.infer<typeof SpecSchema> {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  /** The address that it was given. */
  readonly assigned?: string;
  /** The status as it stands, which only our workers write. */
  readonly status: unknown;
}

/** The API server has validated the object against the resource's schema. */
export function slimFloatingIp(raw: KubeObject): SlimFloatingIp {
  const { metadata, spec, status } = raw as KubeObject & {
    readonly spec?: unknown;
    readonly status?: { readonly address?: string };
  };
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    uid: metadata.uid,
    generation: (metadata as { readonly generation?: number }).generation ?? 0,
    ...SpecSchema.parse(spec),
    ...(status?.address === undefined ? {} : { assigned: status.address }),
    status,
  };
}

/** Something that may hold a floating IP. */
export interface Holder {
  readonly kind: 'Pod' | 'Service';
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Whether a floating IP is for somebody of its namespace, by name or, of pods, by labels. */
export function isForHolder(
  { pod, service, selector }: Pick<SlimFloatingIp, 'pod' | 'service' | 'selector'>,
  { kind, name, labels }: Pick<Holder, 'kind' | 'name' | 'labels'>,
): boolean {
  if (kind === 'Service') return service === name;
  return pod === name || (selector !== undefined && isSelected(labels, selector));
}
