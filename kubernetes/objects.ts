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
  /** Ports of containers that have a name; absent where none has. */
  readonly namedPorts?: readonly NamedPort[];
  /** Whether its condition Ready holds; absent where it does not, and on its way out. */
  readonly isReady?: true;
}

export interface NamedPort {
  readonly name: string;
  readonly protocol: string;
  readonly number: number;
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
  /** All IP addresses of its status. */
  readonly addresses: readonly string[];
  /** Its label `topology.kubernetes.io/zone`. */
  readonly zone?: string;
  readonly labels: Readonly<Record<string, string>>;
}

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
    ...present('namedPorts', namedPortsOf(spec)),
    ...(isReady(raw) ? { isReady: true } : {}),
  };
}

function isReady({ metadata, status }: RawPod): boolean {
  const { conditions = [] } = status ?? {};
  const holds = conditions.some(({ type, status: state }) => type === 'Ready' && state === 'True');
  return holds && metadata.deletionTimestamp === undefined;
}

/** Containers, and those that start before them and stay (sidecars). */
function namedPortsOf({ containers = [], initContainers = [] }: NonNullable<RawPod['spec']>) {
  const lasting = [...containers, ...initContainers.filter(({ restartPolicy }) => restartPolicy === 'Always')];
  const found = lasting.flatMap(({ ports = [] }) =>
    ports.flatMap(({ name, protocol = 'TCP', containerPort: number }) =>
      name === undefined ? [] : [{ name, protocol, number }],
    ),
  );
  return found.length === 0 ? undefined : found;
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
  const all = status?.addresses ?? [];
  const internal = all.filter(({ type }) => type === 'InternalIP');
  return {
    name: metadata.name,
    uid: metadata.uid,
    internalIPs: internal.map(({ address }) => address),
    addresses: [...new Set(all.filter(({ type }) => type.endsWith('IP')).map(({ address }) => address))],
    ...present('zone', metadata.labels?.['topology.kubernetes.io/zone']),
    labels: metadata.labels ?? {},
  };
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
  readonly spec?: {
    readonly nodeName?: string;
    readonly hostNetwork?: boolean;
    readonly serviceAccountName?: string;
    readonly containers?: readonly RawContainer[];
    readonly initContainers?: readonly RawContainer[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly hostIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
};
interface RawContainer {
  readonly restartPolicy?: string;
  readonly ports?: readonly {
    readonly name?: string;
    readonly protocol?: string;
    readonly containerPort: number;
  }[];
}
type RawNode = KubeObject & { readonly status?: { readonly addresses?: readonly { type: string; address: string }[] } };
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

function present<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  if (value === undefined || value === '') return {};
  // A computed key widens to `string`; it is K, the only key there is.
  return { [key]: value } as { readonly [P in K]?: V };
}
