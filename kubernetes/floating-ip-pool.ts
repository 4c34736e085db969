/** The resource FloatingIPPool (`opencontrail.org/v1alpha1`) as programs read it. Pure. */
import type { KubeObject } from './client.ts';
import type { VirtualNetworkSubnet } from './virtual-network.ts';
import { collectionPath } from './resources.ts';

/** The collection's path. */
export const FLOATING_IP_POOLS = collectionPath('floatingippools');

export interface SlimFloatingIpPool {
  readonly name: string;
  readonly uid: string;
  readonly subnets: readonly VirtualNetworkSubnet[];
  /** The class of Services that it serves; absent: those that name none. */
  readonly loadBalancerClass?: string;
  /** The namespaces that it serves; absent: all. */
  readonly namespaces?: readonly string[];
}

/** The API server has validated the object against the resource's schema. */
export function slimFloatingIpPool(raw: KubeObject): SlimFloatingIpPool {
  const { metadata, spec = {} } = raw as KubeObject & { readonly spec?: Partial<SlimFloatingIpPool> };
  const { subnets = [], loadBalancerClass, namespaces } = spec;
  return {
    name: metadata.name,
    uid: metadata.uid,
    subnets,
    ...(loadBalancerClass === undefined ? {} : { loadBalancerClass }),
    ...(namespaces === undefined ? {} : { namespaces }),
  };
}
