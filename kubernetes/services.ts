/** Slim projections of Services and their EndpointSlices: what our programs read of them. Pure. */
import type { KubeObject } from './client.ts';
import { ourAnnotations, present } from './objects.ts';

export interface SlimServicePort {
  /** Empty where the only port has no name. */
  readonly name: string;
  readonly protocol: string;
  readonly port: number;
  /** The port of every node that stands for it. */
  readonly nodePort?: number;
}

export interface SlimService {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** `ClusterIP`, `NodePort`, `LoadBalancer` or `ExternalName`. */
  readonly type: string;
  /** Empty for a headless Service and for ExternalName. */
  readonly clusterIPs: readonly string[];
  readonly ports: readonly SlimServicePort[];
  readonly annotations: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly deletionTimestamp?: string;
}

export interface SlimEndpoint {
  readonly addresses: readonly string[];
  readonly ready: boolean;
  /** Terminating, and still serving: it takes new connections where nobody is ready. */
  readonly draining?: boolean;
  readonly nodeName?: string;
  /** Whom the control plane means it for: nodes, or zones. */
  readonly hints?: { readonly nodes?: readonly string[]; readonly zones?: readonly string[] };
  /** The pod behind the address, where the endpoint names one. */
  readonly pod?: { readonly namespace: string; readonly name: string; readonly uid: string };
}

export interface SlimEndpointSlice {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** The Service it belongs to; `undefined` for a slice of nobody's. */
  readonly service?: string;
  /** `IPv4`, `IPv6` or `FQDN`. */
  readonly addressType: string;
  /** Ports by the Service port's name; the number is the target's. */
  readonly ports: readonly SlimServicePort[];
  readonly endpoints: readonly SlimEndpoint[];
  /** Whether its labels keep it from those who serve the addresses of Services; absent where they do not. */
  readonly isForOthers?: true;
}

export function slimService(raw: KubeObject): SlimService {
  const { metadata, spec } = raw as RawService;
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    uid: metadata.uid,
    type: spec?.type ?? 'ClusterIP',
    clusterIPs: addressesOf(spec).filter((address) => address !== '' && address !== 'None'),
    ports: (spec?.ports ?? []).flatMap(slimPort),
    annotations: ourAnnotations(metadata.annotations),
    labels: metadata.labels ?? {},
    ...present('deletionTimestamp', metadata.deletionTimestamp),
  };
}

/** The addresses that `status.loadBalancer` of a Service or an Ingress says. */
export function loadBalancerAddresses({ status }: KubeObject): readonly string[] {
  const { loadBalancer } = (status ?? {}) as {
    readonly loadBalancer?: { readonly ingress?: readonly { readonly ip?: string }[] };
  };
  return (loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? []);
}

function addressesOf(spec: RawService['spec']): readonly string[] {
  return spec?.clusterIPs ?? (spec?.clusterIP === undefined ? [] : [spec.clusterIP]);
}

export function slimEndpointSlice(raw: KubeObject): SlimEndpointSlice {
  const { metadata, addressType, ports, endpoints } = raw as RawEndpointSlice;
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    uid: metadata.uid,
    addressType: addressType ?? 'IPv4',
    ports: (ports ?? []).flatMap(slimPort),
    endpoints: (endpoints ?? []).map(slimEndpoint),
    ...present('service', metadata.labels?.['kubernetes.io/service-name']),
    ...(isForOthers(metadata.labels ?? {}) ? { isForOthers: true } : {}),
  };
}

/**
 * Whether labels of a Service, or of a slice, say that somebody else serves its address, or that it has none (Kubernetes'
 * well-known labels `service-proxy-name` and `headless`). The value does not matter.
 */
export function isForOthers(labels: Readonly<Record<string, string>>): boolean {
  return ['service.kubernetes.io/service-proxy-name', 'service.kubernetes.io/headless'].some((name) => name in labels);
}

// The API server has validated these objects against its own schema; the types below are the fields read of them.
interface RawPort {
  readonly name?: string | null;
  readonly protocol?: string | null;
  readonly port?: number | null;
  readonly nodePort?: number | null;
}
type RawService = KubeObject & {
  readonly spec?: {
    readonly type?: string;
    readonly clusterIP?: string;
    readonly clusterIPs?: readonly string[];
    readonly ports?: readonly RawPort[];
  };
};
interface RawEndpoint {
  readonly addresses: readonly string[];
  readonly conditions?: {
    readonly ready?: boolean | null;
    readonly serving?: boolean | null;
    readonly terminating?: boolean | null;
  } | null;
  readonly nodeName?: string | null;
  readonly hints?: {
    readonly forNodes?: readonly { readonly name: string }[] | null;
    readonly forZones?: readonly { readonly name: string }[] | null;
  } | null;
  readonly targetRef?: {
    readonly kind?: string;
    readonly namespace?: string;
    readonly name?: string;
    readonly uid?: string;
  } | null;
}
type RawEndpointSlice = KubeObject & {
  readonly addressType?: string;
  readonly ports?: readonly RawPort[] | null;
  readonly endpoints?: readonly RawEndpoint[] | null;
};

/** A port without a number means "all ports" in an EndpointSlice, which no Service of ours can use. */
function slimPort({ name, protocol, port, nodePort }: RawPort): readonly SlimServicePort[] {
  if (typeof port !== 'number') return [];
  const onNodes = typeof nodePort === 'number' && nodePort > 0 ? { nodePort } : {};
  return [{ name: name ?? '', protocol: protocol ?? 'TCP', port, ...onNodes }];
}

function slimEndpoint({ addresses, conditions, nodeName, hints, targetRef }: RawEndpoint): SlimEndpoint {
  const { kind, namespace, name, uid } = targetRef ?? {};
  const pod =
    kind === 'Pod' && name !== undefined && uid !== undefined ? { namespace: namespace ?? '', name, uid } : undefined;
  return {
    addresses,
    ...stateOf(conditions ?? {}),
    ...hintsOf(hints),
    ...present('nodeName', nodeName ?? undefined),
    ...present('pod', pod),
  };
}

/** Unset means ready, as the API defines the condition. */
function stateOf({ ready, serving, terminating }: NonNullable<RawEndpoint['conditions']>) {
  if (ready !== false) return { ready: true };
  return { ready: false, ...(terminating === true && serving === true ? { draining: true } : {}) };
}

function hintsOf(raw: RawEndpoint['hints']): Pick<SlimEndpoint, 'hints'> {
  const [nodes, zones] = [raw?.forNodes, raw?.forZones].map((list) => (list ?? []).map(({ name }) => name));
  const hints = { ...(nodes?.length ? { nodes } : {}), ...(zones?.length ? { zones } : {}) };
  return Object.keys(hints).length === 0 ? {} : { hints };
}
