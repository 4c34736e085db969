/** The resource FloatingIPPool (`opencontrail.org/v1alpha1`) as programs read it. Pure. */
import type { KubeObject } from './client.ts';
import type { VirtualNetworkSubnet } from './virtual-network.ts';
import { collectionPath } from './resources.ts';

/** The collection's path. */
export const FLOATING_IP_POOLS = collectionPath('floatingippools');

export interface SlimFloatingIpPool {
  readonly name: string;
  readonly uid: string;
  /** When it was made, as the API server writes it. */
  readonly created: string;
  readonly generation: number;
  readonly subnets: readonly VirtualNetworkSubnet[];
  /** The interface of nodes that its network is at; absent: the fabric's. */
  readonly interface?: string;
  /** The class of Services that it serves; absent: those that name none. */
  readonly loadBalancerClass?: string;
  /** The namespaces that it serves; absent: all. */
  readonly namespaces?: readonly string[];
  /** The status as it stands, which only our workers write. */
  readonly status: unknown;
}

/** The API server has validated the object against the resource's schema. */
export function slimFloatingIpPool(raw: KubeObject): SlimFloatingIpPool {
  const {
    metadata,
    spec = {},
    status,
  } = raw as KubeObject & { readonly spec?: Partial<SlimFloatingIpPool>; readonly status?: unknown };
  const { subnets = [], interface: name, loadBalancerClass, namespaces } = spec;
  return {
    name: metadata.name,
    uid: metadata.uid,
    created: metadata.creationTimestamp ?? '',
    generation: (metadata as { readonly generation?: number }).generation ?? 0,
    subnets,
    ...(name === undefined ? {} : { interface: name }),
    ...(loadBalancerClass === undefined ? {} : { loadBalancerClass }),
    ...(namespaces === undefined ? {} : { namespaces }),
    status,
  };
}
