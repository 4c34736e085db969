/** ServiceCIDR (`networking.k8s.io/v1`, from Kubernetes 1.33 on) as programs read it. Pure. */
import type { KubeObject } from './client.ts';

/** The collection's path. */
export const SERVICE_CIDRS = '/apis/networking.k8s.io/v1/servicecidrs';

/** Where the API server may take addresses of Services from. */
export interface SlimServiceCidr {
  readonly name: string;
  readonly uid: string;
  readonly cidrs: readonly string[];
}

/** The API server has validated the object against its own schema. */
export function slimServiceCidr(raw: KubeObject): SlimServiceCidr {
  const { metadata, spec } = raw as KubeObject & { readonly spec?: { readonly cidrs?: readonly string[] } };
  return { name: metadata.name, uid: metadata.uid, cidrs: spec?.cidrs ?? [] };
}
