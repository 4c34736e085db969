/** Services as the proxy reads them. Pure. */
import type { KubeObject } from '../kubernetes/client.ts';
import { loadBalancerAddresses, type SlimService, slimService } from '../kubernetes/services.ts';

/** A Service with what its load balancer has been given, and asks for. */
export interface ProxyService extends SlimService {
  /** Addresses of its status. */
  readonly external: readonly string[];
  /** `spec.loadBalancerIP`. */
  readonly requested?: string;
  /** Whether it has an address of each family that the cluster has. */
  readonly isOfAllFamilies: boolean;
  readonly selector: Readonly<Record<string, string>>;
  /** Ports with the numbers that its endpoints are asked at; a port whose target has a name is not among them. */
  readonly targets: readonly { readonly port: number; readonly targetPort: number }[];
}

export function proxyService(raw: KubeObject): ProxyService {
  const slim = slimService(raw);
  // The API server has validated it; these are the fields read of it.
  const {
    loadBalancerIP = '',
    ipFamilyPolicy = 'SingleStack',
    selector = {},
    ports = [],
  } = (raw['spec'] ?? {}) as RawSpec;
  return {
    ...slim,
    external: loadBalancerAddresses(raw),
    ...(loadBalancerIP === '' ? {} : { requested: loadBalancerIP }),
    isOfAllFamilies: ipFamilyPolicy !== 'SingleStack',
    selector,
    targets: ports.flatMap(({ port, targetPort }) => (typeof targetPort === 'number' ? [{ port, targetPort }] : [])),
  };
}

interface RawSpec {
  readonly loadBalancerIP?: string;
  readonly ipFamilyPolicy?: string;
  readonly selector?: Readonly<Record<string, string>>;
  readonly ports?: readonly { readonly port: number; readonly targetPort?: number | string }[];
}
