/** The resource VirtualNetwork (`opencontrail.org/v1alpha1`) as programs read it. Pure. */
import type { KubeObject } from './client.ts';
import { collectionPath } from './resources.ts';

/** The collection's path. */
export const VIRTUAL_NETWORKS = collectionPath('virtualnetworks');

export interface AddressRange {
  readonly start: string;
  readonly end: string;
}

export interface VirtualNetworkSubnet {
  readonly cidr: string;
  readonly gateway?: string;
  readonly allocationPools?: readonly AddressRange[];
  /** Ranges that are never given away. */
  readonly excluded?: readonly AddressRange[];
}

/** Who may use the network besides its own namespace. */
export interface Sharing {
  /** Names of namespaces; `*` is every one. */
  readonly namespaces?: readonly string[];
  readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> };
}

export interface SlimVirtualNetwork {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  readonly subnets: readonly VirtualNetworkSubnet[];
  readonly snat: boolean;
  readonly forwarding: boolean;
  readonly serviceAccess: boolean;
  readonly sharing: Sharing;
  /** The status as it stands, which only our workers write. */
  readonly status: unknown;
}

/** The API server has validated the object against the resource's schema. */
export function slimVirtualNetwork(raw: KubeObject): SlimVirtualNetwork {
  const { metadata, spec, status } = raw as KubeObject & {
    readonly spec?: {
      readonly subnets?: readonly VirtualNetworkSubnet[];
      readonly snat?: boolean;
      readonly forwarding?: boolean;
      readonly serviceAccess?: boolean;
      readonly sharing?: Sharing;
    };
  };
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    uid: metadata.uid,
    generation: (metadata as { readonly generation?: number }).generation ?? 0,
    subnets: spec?.subnets ?? [],
    snat: spec?.snat === true,
    forwarding: spec?.forwarding === true,
    serviceAccess: spec?.serviceAccess !== false,
    sharing: spec?.sharing ?? {},
    status,
  };
}

/** Whether a network is shared with a namespace: by its name, or by its labels. */
export function isSharedWith(
  { namespaces = [], selector }: Sharing,
  namespace: { readonly name: string; readonly labels: Readonly<Record<string, string>> },
): boolean {
  if (namespaces.includes('*') || namespaces.includes(namespace.name)) return true;
  const wanted = Object.entries(selector?.matchLabels ?? {});
  return wanted.length > 0 && wanted.every(([key, value]) => namespace.labels[key] === value);
}
