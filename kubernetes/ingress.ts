/** Slim projections of Ingress and IngressClass (networking.k8s.io/v1), and which Ingresses are ours. Pure. */
import type { KubeObject } from './client.ts';
import { loadBalancerAddresses } from './services.ts';

export const INGRESSES = '/apis/networking.k8s.io/v1/ingresses';
export const INGRESS_CLASSES = '/apis/networking.k8s.io/v1/ingressclasses';

/** What an IngressClass of ours says in `spec.controller`. */
const INGRESS_CONTROLLER = 'opencontrail.org/ingress';

/** A port of a Service: by its name or its number, as users write it. */
export type PortReference = string | number;

/** Where requests go: a port of a Service in the Ingress's own namespace, or a kind of object that nobody serves here. */
export type IngressBackend =
  | { readonly kind: 'service'; readonly service: string; readonly port: PortReference }
  | { readonly kind: 'resource'; readonly resource: string };

/** One path of one host. `host` is empty where the rule names none; `*.` leads a wildcard. */
export interface IngressPath {
  readonly host: string;
  readonly path: string;
  readonly exact: boolean;
  readonly backend: IngressBackend;
}

export interface IngressTls {
  readonly hosts: readonly string[];
  /** Empty where TLS is asked for without a certificate. */
  readonly secret: string;
}

export interface SlimIngress {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** RFC 3339, which sorts as text: the oldest keeps what two of them ask for. */
  readonly created: string;
  /** `spec.ingressClassName`, or the annotation that came before it. */
  readonly className?: string;
  readonly paths: readonly IngressPath[];
  readonly defaultBackend?: IngressBackend;
  readonly tls: readonly IngressTls[];
  /** Addresses that its status names. */
  readonly addresses: readonly string[];
}

export interface SlimIngressClass {
  readonly name: string;
  readonly uid: string;
  readonly controller: string;
}

export function slimIngress(raw: KubeObject): SlimIngress {
  const { metadata, spec = {} } = raw as RawIngress;
  const className = classOf(raw);
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    uid: metadata.uid,
    created: metadata.creationTimestamp ?? '',
    ...(className === undefined ? {} : { className }),
    paths: (spec.rules ?? []).flatMap(pathsOf),
    ...(spec.defaultBackend === undefined ? {} : { defaultBackend: backendOf(spec.defaultBackend) }),
    tls: (spec.tls ?? []).map(tlsOf),
    addresses: loadBalancerAddresses(raw),
  };
}

export function slimIngressClass(raw: KubeObject): SlimIngressClass {
  const { metadata, spec } = raw as KubeObject & { readonly spec?: { readonly controller?: string } };
  return { name: metadata.name, uid: metadata.uid, controller: spec?.controller ?? '' };
}

/** The Ingresses whose class is one of ours, the oldest first. Those that name no class are nobody's. */
export function ingressesOfOurs(
  ingresses: readonly SlimIngress[],
  classes: readonly SlimIngressClass[],
): readonly SlimIngress[] {
  const ours = new Set(classes.filter(({ controller }) => controller === INGRESS_CONTROLLER).map(({ name }) => name));
  return ingresses.filter(({ className }) => className !== undefined && ours.has(className)).sort(byAge);
}

function byAge(a: SlimIngress, b: SlimIngress): number {
  return a.created.localeCompare(b.created) || placeOf(a).localeCompare(placeOf(b));
}

function placeOf({ namespace, name }: SlimIngress): string {
  return `${namespace}/${name}`;
}

function classOf(raw: KubeObject): string | undefined {
  const { metadata, spec } = raw as RawIngress;
  return spec?.ingressClassName ?? metadata.annotations?.['kubernetes.io/ingress.class'];
}

function tlsOf({ hosts = [], secretName = '' }: RawTls): IngressTls {
  return { hosts: hosts.map((host) => host.toLowerCase()), secret: secretName };
}

/** A rule without paths sends everything of its host to the default back end, which is what saying nothing does. */
function pathsOf({ host = '', http }: RawRule): readonly IngressPath[] {
  return (http?.paths ?? []).map(({ path, pathType, backend }) => ({
    host: host.toLowerCase(),
    path: path === undefined || path === '' ? '/' : path,
    exact: pathType === 'Exact',
    backend: backendOf(backend),
  }));
}

function backendOf({ service, resource }: RawBackend): IngressBackend {
  if (service === undefined) return { kind: 'resource', resource: `${resource?.kind ?? ''} ${resource?.name ?? ''}` };
  return { kind: 'service', service: service.name, port: service.port?.name ?? service.port?.number ?? 0 };
}

// The API server has validated these objects against its own schema; the types below are the fields read of them.
type RawIngress = KubeObject & {
  readonly spec?: {
    readonly ingressClassName?: string;
    readonly rules?: readonly RawRule[];
    readonly defaultBackend?: RawBackend;
    readonly tls?: readonly RawTls[];
  };
};
interface RawTls {
  readonly hosts?: readonly string[];
  readonly secretName?: string;
}
interface RawRule {
  readonly host?: string;
  readonly http?: {
    readonly paths: readonly { readonly path?: string; readonly pathType: string; readonly backend: RawBackend }[];
  };
}
interface RawBackend {
  readonly service?: { readonly name: string; readonly port?: { readonly name?: string; readonly number?: number } };
  readonly resource?: { readonly kind: string; readonly name: string };
}
