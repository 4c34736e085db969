/** Slim projections of Kubernetes objects: what our programs read of them, and nothing that costs memory besides. Pure. */
import type { KubeObject } from './client.ts';

export interface SlimPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly nodeName?: string;
  readonly hostNetwork: boolean;
  /** `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`. */
  readonly phase: string;
  /** Only the annotations of ours and of the CNCF network plumbing group. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly ownerKind?: string;
  readonly ownerName?: string;
  readonly serviceAccount?: string;
  readonly deletionTimestamp?: string;
  readonly hostIP?: string;
}

export interface SlimNamespace {
  readonly name: string;
  readonly uid: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly deletionTimestamp?: string;
}

export interface SlimNode {
  readonly name: string;
  readonly uid: string;
  /** The node's InternalIP addresses in the order of its status, IPv4 and IPv6. */
  readonly internalIPs: readonly string[];
}

export interface SlimServicePort {
  /** Empty where the only port has no name. */
  readonly name: string;
  readonly protocol: string;
  readonly port: number;
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
  readonly nodeName?: string;
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
}

/** The cache key of an object: `namespace/name`, or `name` for what has no namespace. */
export function keyOf(object: { readonly namespace?: string | undefined; readonly name: string }): string {
  return object.namespace === undefined || object.namespace === '' ? object.name : `${object.namespace}/${object.name}`;
}

export function slimPod(raw: KubeObject): SlimPod {
  const { metadata, spec = {}, status = {} } = raw as RawPod;
  const owner = metadata.ownerReferences?.[0] ?? { kind: undefined, name: undefined };
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    uid: metadata.uid,
    hostNetwork: spec.hostNetwork === true,
    phase: status.phase ?? 'Pending',
    annotations: ourAnnotations(metadata.annotations),
    labels: metadata.labels ?? {},
    ...present('nodeName', spec.nodeName),
    ...present('ownerKind', owner.kind),
    ...present('ownerName', owner.name),
    ...present('serviceAccount', spec.serviceAccountName),
    ...present('deletionTimestamp', metadata.deletionTimestamp),
    ...present('hostIP', status.hostIP),
  };
}

export function slimNamespace({ metadata }: KubeObject): SlimNamespace {
  return {
    name: metadata.name,
    uid: metadata.uid,
    annotations: ourAnnotations(metadata.annotations),
    labels: metadata.labels ?? {},
    ...present('deletionTimestamp', metadata.deletionTimestamp),
  };
}

export function slimNode(raw: KubeObject): SlimNode {
  const { metadata, status } = raw as RawNode;
  const internal = (status?.addresses ?? []).filter(({ type }) => type === 'InternalIP');
  return { name: metadata.name, uid: metadata.uid, internalIPs: internal.map(({ address }) => address) };
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
  };
}

/** The annotations that concern this project, out of all of an object's. */
export function ourAnnotations(
  annotations: Readonly<Record<string, string>> | undefined,
): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(annotations ?? {}).filter(([key]) => isOurKey(key)));
}

function isOurKey(key: string): boolean {
  return OUR_PREFIXES.some((prefix) => key.startsWith(prefix));
}

/** The last is the oldest spelling of isolation, `opencontrail.kubernetes.isolated`. */
const OUR_PREFIXES = ['opencontrail.org/', 'k8s.v1.cni.cncf.io/', 'opencontrail.kubernetes.'];

// The API server has validated these objects against its own schema; the types below are the fields read of them.
type RawPod = KubeObject & {
  readonly spec?: { readonly nodeName?: string; readonly hostNetwork?: boolean; readonly serviceAccountName?: string };
  readonly status?: { readonly phase?: string; readonly hostIP?: string };
};
type RawNode = KubeObject & { readonly status?: { readonly addresses?: readonly { type: string; address: string }[] } };
interface RawPort {
  readonly name?: string | null;
  readonly protocol?: string | null;
  readonly port?: number | null;
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
  readonly conditions?: { readonly ready?: boolean | null } | null;
  readonly nodeName?: string | null;
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
function slimPort({ name, protocol, port }: RawPort): readonly SlimServicePort[] {
  return typeof port === 'number' ? [{ name: name ?? '', protocol: protocol ?? 'TCP', port }] : [];
}

function slimEndpoint({ addresses, conditions, nodeName, targetRef }: RawEndpoint): SlimEndpoint {
  const { kind, namespace, name, uid } = targetRef ?? {};
  const pod =
    kind === 'Pod' && name !== undefined && uid !== undefined ? { namespace: namespace ?? '', name, uid } : undefined;
  // Unset means ready, as the API defines the condition.
  return {
    addresses,
    ready: conditions?.ready !== false,
    ...present('nodeName', nodeName ?? undefined),
    ...present('pod', pod),
  };
}

function present<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  if (value === undefined || value === '') return {};
  // A computed key widens to `string`; it is K, the only key there is.
  return { [key]: value } as { readonly [P in K]?: V };
}
