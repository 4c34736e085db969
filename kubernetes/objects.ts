/**
 * Slim projections of pods, namespaces and nodes: what our programs read of them, and nothing that costs memory besides. Those of
 * Services are in services.ts. Pure.
 */
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
    ...(saysReady(raw) && metadata.deletionTimestamp === undefined ? { isReady: true } : {}),
  };
}

/** Whether a pod says that it is Ready, though it may be about to end. */
export function saysReady(raw: KubeObject): boolean {
  const { conditions = [] } = (raw as RawPod).status ?? {};
  return conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
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
/** The field, where there is something to say. */
export function present<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  if (value === undefined || value === '') return {};
  // A computed key widens to `string`; it is K, the only key there is.
  return { [key]: value } as { readonly [P in K]?: V };
}
