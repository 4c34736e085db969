/** Slim projections of GatewayClass, Gateway and ReferenceGrant (gateway.networking.k8s.io), and which Gateways are ours. Pure. */
import type { KubeObject } from './client.ts';
import type { LabelSelector } from './selector.ts';

export const GATEWAY_GROUP = 'gateway.networking.k8s.io';
/** What a GatewayClass of ours says in `spec.controllerName`. */
export const GATEWAY_CONTROLLER = 'opencontrail.org/gateway';

/** On the Service by which a Gateway is reached, in the programs' own namespace: the Gateway, `namespace/name`. */
export const GATEWAY_ANNOTATION = 'opencontrail.org/gateway';

/** The path of all objects of a resource of the Gateway API. */
export function gatewayResources(plural: string, version: 'v1' | 'v1beta1' = 'v1'): string {
  return `/apis/${GATEWAY_GROUP}/${version}/${plural}`;
}

/** A condition of a status, as this API writes it (API conventions, "Typical status properties"). */
export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
}

/** Who an object is, and what a write of its status has to know. */
export interface GatewayObject {
  /** Empty for what has no namespace. */
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** RFC 3339, which sorts as text. */
  readonly created: string;
  readonly generation: number;
  readonly resourceVersion: string;
}

export interface SlimGatewayClass extends GatewayObject {
  readonly controller: string;
  /** As the API server has it, to be compared with what it should be. */
  readonly status: unknown;
}

/** What an object refers to. An empty group is Kubernetes' core. */
export interface ObjectLink {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

export interface RouteKind {
  readonly group: string;
  readonly kind: string;
}

export interface GatewayListener {
  readonly name: string;
  readonly port: number;
  /** `HTTP`, `HTTPS`, `TLS`, `TCP`, or what nobody serves here. */
  readonly protocol: string;
  /** Empty where any will do; `*.` leads a wildcard. */
  readonly hostname: string;
  readonly tlsMode: string;
  readonly certificates: readonly ObjectLink[];
  /** Whose routes may attach: `Same`, `All`, `Selector`, or nobody's. */
  readonly from: string;
  readonly selector: LabelSelector;
  /** Kinds of routes that the user names; empty where all that suit the protocol will do. */
  readonly kinds: readonly RouteKind[];
}

export interface SlimGateway extends GatewayObject {
  readonly className: string;
  readonly listeners: readonly GatewayListener[];
  /** Addresses that the user asks for. */
  readonly addresses: readonly { readonly type: string; readonly value: string }[];
  /** For what is made on the Gateway's behalf. */
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly status: unknown;
}

/** Who (`from`) may refer to what (`to`) of the grant's own namespace. */
export interface SlimReferenceGrant {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly from: readonly Omit<ObjectLink, 'name'>[];
  /** Without a name: all of the kind. */
  readonly to: readonly { readonly group: string; readonly kind: string; readonly name?: string }[];
}

export function slimGatewayClass(raw: KubeObject): SlimGatewayClass {
  const { controllerName = '' } = (raw['spec'] ?? {}) as { readonly controllerName?: string };
  return { ...gatewayObject(raw), controller: controllerName, status: raw['status'] };
}

/** The IP addresses that a Gateway asks for; `''` asks for any. */
export function requestedAddresses({ addresses }: Pick<SlimGateway, 'addresses'>): readonly string[] {
  return addresses.flatMap(({ type, value }) => (type === 'IPAddress' && value !== '' ? [value] : []));
}

export function slimGateway(raw: KubeObject): SlimGateway {
  const { spec = {}, status } = raw as RawGateway;
  const object = gatewayObject(raw);
  return {
    ...object,
    className: spec.gatewayClassName ?? '',
    listeners: (spec.listeners ?? []).map((listener) => slimListener(listener, object.namespace)),
    addresses: (spec.addresses ?? []).map(({ type = 'IPAddress', value = '' }) => ({ type, value })),
    labels: spec.infrastructure?.labels ?? {},
    annotations: spec.infrastructure?.annotations ?? {},
    status,
  };
}

export function slimReferenceGrant({ metadata, spec }: KubeObject): SlimReferenceGrant {
  // The schema of the definition requires both.
  const { from, to } = spec as Pick<SlimReferenceGrant, 'from' | 'to'>;
  return { namespace: metadata.namespace ?? '', name: metadata.name, uid: metadata.uid, from, to };
}

/** The part that all objects of this API have in common. */
export function gatewayObject({ metadata }: KubeObject): GatewayObject {
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    uid: metadata.uid,
    created: metadata.creationTimestamp ?? '',
    generation: metadata.generation ?? 0,
    resourceVersion: metadata.resourceVersion,
  };
}

/** The Gateways whose class is one of ours, the oldest first. */
export function gatewaysOfOurs(
  gateways: readonly SlimGateway[],
  classes: readonly SlimGatewayClass[],
): readonly SlimGateway[] {
  const ours = new Set(classes.filter(isOurs).map(({ name }) => name));
  return gateways.filter(({ className }) => ours.has(className)).sort(byAge);
}

export function isOurs({ controller }: SlimGatewayClass): boolean {
  return controller === GATEWAY_CONTROLLER;
}

/** The oldest first; of the same age by name (Gateway API, "Conflicts"). */
export function byAge(a: GatewayObject, b: GatewayObject): number {
  return compare(a.created, b.created) || compare(`${a.namespace}/${a.name}`, `${b.namespace}/${b.name}`);
}

/** In the order of code units, as the API server sorts; a locale's order would put `-` aside. */
function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Whether an object of a namespace may refer to one of another, as the other's grants say; within one it always may. */
export function isGranted(
  from: Omit<ObjectLink, 'name'>,
  to: ObjectLink,
  grants: readonly SlimReferenceGrant[],
): boolean {
  if (from.namespace === to.namespace) return true;
  return grants.some(
    (grant) =>
      grant.namespace === to.namespace &&
      grant.from.some((each) => isSameKind(each, from) && each.namespace === from.namespace) &&
      grant.to.some((each) => isSameKind(each, to) && (each.name === undefined || each.name === to.name)),
  );
}

function isSameKind(a: RouteKind, b: RouteKind): boolean {
  return a.group === b.group && a.kind === b.kind;
}

function slimListener(raw: RawListener, namespace: string): GatewayListener {
  const { name, port, protocol, hostname = '', tls = {}, allowedRoutes = {} } = raw;
  const { from = 'Same', selector = {} } = allowedRoutes.namespaces ?? {};
  return {
    name,
    port,
    protocol,
    hostname: hostname.toLowerCase(),
    tlsMode: tls.mode ?? 'Terminate',
    certificates: (tls.certificateRefs ?? []).map((reference) => ({
      group: '',
      kind: 'Secret',
      namespace,
      ...reference,
    })),
    from,
    selector,
    kinds: (allowedRoutes.kinds ?? []).map(({ group = GATEWAY_GROUP, kind }) => ({ group, kind })),
  };
}

// The definitions' schemas have validated these objects; the types below are the fields read of them.
type RawGateway = KubeObject & {
  readonly spec?: {
    readonly gatewayClassName?: string;
    readonly listeners?: readonly RawListener[];
    readonly addresses?: readonly { readonly type?: string; readonly value?: string }[];
    readonly infrastructure?: {
      readonly labels?: Readonly<Record<string, string>>;
      readonly annotations?: Readonly<Record<string, string>>;
    };
  };
};
interface RawListener {
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
  readonly hostname?: string;
  readonly tls?: { readonly mode?: string; readonly certificateRefs?: readonly RawLink[] };
  readonly allowedRoutes?: {
    readonly namespaces?: { readonly from?: string; readonly selector?: LabelSelector };
    readonly kinds?: readonly { readonly group?: string; readonly kind: string }[];
  };
}
interface RawLink {
  readonly group?: string;
  readonly kind?: string;
  readonly namespace?: string;
  readonly name: string;
}
