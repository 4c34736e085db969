/** Kubernetes objects as tests of the proxy write them. */
import { type SlimIngress, slimIngress } from '../../kubernetes/ingress.ts';
import type { SlimEndpointSlice, SlimService } from '../../kubernetes/services.ts';
import type { IngressView } from '../../proxy/ingress/compile.ts';
import type { SecretContent } from '../../proxy/certificate-secret.ts';

/** A path of a rule: `{ path: '/a', to: 'web' }` is a prefix that leads to port 80 of the Service `web`. */
export interface PathSpec {
  readonly path?: string;
  readonly type?: 'Exact' | 'Prefix' | 'ImplementationSpecific';
  readonly to: string;
  readonly port?: string | number;
}

export interface IngressSpec {
  readonly name?: string;
  readonly namespace?: string;
  readonly className?: string;
  /** Paths by host; the host is empty where any will do. */
  readonly rules?: Readonly<Record<string, readonly PathSpec[]>>;
  readonly fallback?: PathSpec;
  readonly tls?: readonly { readonly hosts?: readonly string[]; readonly secretName?: string }[];
}

/** An Ingress as users apply it. */
export function ingressManifest(spec: IngressSpec) {
  const { name = 'web', namespace = 'shop', className = 'opencontrail', rules = {}, fallback, tls } = spec;
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name, namespace },
    spec: {
      ingressClassName: className,
      rules: Object.entries(rules).map(([host, paths]) => ({
        ...(host === '' ? {} : { host }),
        http: { paths: paths.map(pathOf) },
      })),
      ...(fallback === undefined ? {} : { defaultBackend: pathOf(fallback).backend }),
      ...(tls === undefined ? {} : { tls }),
    },
  };
}

function pathOf({ path = '/', type = 'Prefix', to, port = 80 }: PathSpec) {
  const reference = typeof port === 'number' ? { number: port } : { name: port };
  return { path, pathType: type, backend: { service: { name: to, port: reference } } };
}

/** The same as the proxy sees it; later ones are younger. */
export function ingresses(...specs: readonly IngressSpec[]): readonly SlimIngress[] {
  return specs.map((spec, index) => {
    const { metadata, ...rest } = ingressManifest(spec);
    const creationTimestamp = `2026-01-01T00:00:0${index}Z`;
    return slimIngress({
      ...rest,
      metadata: { ...metadata, uid: `${metadata.name}-uid`, resourceVersion: '1', creationTimestamp },
    });
  });
}

/** Services with one port, 80 and named http, each with the endpoints given: `{ web: ['10.0.0.1:8080'] }`, in the namespace shop; annotated alike. */
export function viewOf(
  services: Readonly<Record<string, readonly string[]>>,
  secrets: Readonly<Record<string, SecretContent>> = {},
  annotations: SlimService['annotations'] = {},
): IngressView {
  return {
    service: (namespace, name) =>
      namespace === 'shop' && services[name] !== undefined ? service(name, annotations) : undefined,
    slicesOf: (_namespace, name) =>
      (services[name] ?? []).map((endpoint, index) => slice(`${name}-${index}`, endpoint)),
    secrets: (name) => secrets[name] ?? { kind: 'absent' },
  };
}

function service(name: string, annotations: SlimService['annotations']): SlimService {
  const ports = [{ name: 'http', protocol: 'TCP', port: 80 }];
  const identity = { namespace: 'shop', name, uid: `${name}-uid`, labels: {}, annotations };
  return { ...identity, type: 'ClusterIP', clusterIPs: ['10.96.0.1'], ports };
}

function slice(name: string, endpoint: string): SlimEndpointSlice {
  const [address = '', port = ''] = endpoint.split(':');
  return {
    namespace: 'shop',
    name,
    uid: `${name}-uid`,
    addressType: 'IPv4',
    ports: [{ name: 'http', protocol: 'TCP', port: Number(port) }],
    endpoints: [{ addresses: [address], ready: true }],
  };
}
