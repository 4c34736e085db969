/** Slim projections of HTTPRoute, TLSRoute and TCPRoute (gateway.networking.k8s.io). Pure. */
import type { KubeObject } from './client.ts';
import { GATEWAY_GROUP, type GatewayObject, gatewayObject, type ObjectLink } from './gateway.ts';

export type RouteKindName = 'HTTPRoute' | 'TLSRoute' | 'TCPRoute';

/** The plural of each kind of route. */
export const ROUTES = { HTTPRoute: 'httproutes', TLSRoute: 'tlsroutes', TCPRoute: 'tcproutes' } as const;

/** Where a route asks to be attached. */
export interface ParentLink extends ObjectLink {
  readonly sectionName?: string;
  readonly port?: number;
}

export interface HeaderMatch {
  readonly type: string;
  readonly name: string;
  readonly value: string;
}

/** All of it must be so. */
export interface HttpMatch {
  /** `Exact`, `PathPrefix`, or what is not served here. */
  readonly pathType: string;
  readonly path: string;
  readonly method?: string;
  readonly headers: readonly HeaderMatch[];
  readonly query: readonly HeaderMatch[];
}

export interface HeaderModifier {
  readonly set?: readonly { readonly name: string; readonly value: string }[];
  readonly add?: readonly { readonly name: string; readonly value: string }[];
  readonly remove?: readonly string[];
}

export interface PathModifier {
  readonly type: string;
  readonly replaceFullPath?: string;
  readonly replacePrefixMatch?: string;
}

/** One filter, as the API has it. Of all fields the one that the type names is there. */
export interface HttpFilter {
  readonly type: string;
  readonly requestHeaderModifier?: HeaderModifier;
  readonly responseHeaderModifier?: HeaderModifier;
  readonly requestRedirect?: {
    readonly scheme?: string;
    readonly hostname?: string;
    readonly port?: number;
    readonly path?: PathModifier;
    readonly statusCode?: number;
  };
  readonly urlRewrite?: { readonly hostname?: string; readonly path?: PathModifier };
}

/** Where requests go, and which share of them. */
export interface BackendLink extends ObjectLink {
  readonly port?: number;
  readonly weight: number;
  readonly filters: readonly HttpFilter[];
}

/** One rule. Rules of TLSRoutes and TCPRoutes match everything and filter nothing. */
export interface RouteRule {
  readonly matches: readonly HttpMatch[];
  readonly filters: readonly HttpFilter[];
  readonly backends: readonly BackendLink[];
  /** The shortest of the times that the user gives a request, in the API's own form (`10s`). */
  readonly timeouts: readonly string[];
}

export interface SlimRoute extends GatewayObject {
  readonly kind: RouteKindName;
  readonly parents: readonly ParentLink[];
  /** Empty where any will do. */
  readonly hostnames: readonly string[];
  readonly rules: readonly RouteRule[];
  readonly status: unknown;
}

/** The projection of one kind. */
export function slimRoute(kind: RouteKindName): (raw: KubeObject) => SlimRoute {
  return (raw) => {
    const { spec = {}, status } = raw as RawRoute;
    const object = gatewayObject(raw);
    const own = { namespace: object.namespace };
    return {
      ...object,
      kind,
      parents: (spec.parentRefs ?? []).map((parent) => ({ group: GATEWAY_GROUP, kind: 'Gateway', ...own, ...parent })),
      hostnames: (spec.hostnames ?? []).map((hostname) => hostname.toLowerCase()),
      rules: (spec.rules ?? []).map((rule) => slimRule(rule, kind, own)),
      status,
    };
  };
}

const ANY_PATH: HttpMatch = { pathType: 'PathPrefix', path: '/', headers: [], query: [] };

function slimRule(raw: RawRule, kind: RouteKindName, own: { readonly namespace: string }): RouteRule {
  const { matches = [], filters = [], backendRefs = [], timeouts = {} } = raw;
  const asked = matches.map(slimMatch);
  return {
    matches: asked.length === 0 && kind === 'HTTPRoute' ? [ANY_PATH] : asked,
    filters,
    backends: backendRefs.map(({ weight = 1, filters = [], ...reference }) => {
      return { group: '', kind: 'Service', ...own, ...reference, weight, filters };
    }),
    timeouts: [timeouts.request, timeouts.backendRequest].filter((text) => text !== undefined),
  };
}

function slimMatch({ path = {}, method, headers = [], queryParams = [] }: RawMatch): HttpMatch {
  return {
    pathType: path.type ?? 'PathPrefix',
    path: path.value ?? '/',
    ...(method === undefined ? {} : { method }),
    headers: headers.map(slimHeader),
    query: queryParams.map(slimHeader),
  };
}

function slimHeader({ type = 'Exact', name, value }: RawHeader): HeaderMatch {
  return { type, name, value };
}

// The definitions' schemas have validated these objects; the types below are the fields read of them.
type RawRoute = KubeObject & {
  readonly spec?: {
    readonly parentRefs?: readonly {
      readonly group?: string;
      readonly kind?: string;
      readonly namespace?: string;
      readonly name: string;
      readonly sectionName?: string;
      readonly port?: number;
    }[];
    readonly hostnames?: readonly string[];
    readonly rules?: readonly RawRule[];
  };
};
interface RawRule {
  readonly matches?: readonly RawMatch[];
  readonly filters?: readonly HttpFilter[];
  readonly backendRefs?: readonly {
    readonly group?: string;
    readonly kind?: string;
    readonly namespace?: string;
    readonly name: string;
    readonly port?: number;
    readonly weight?: number;
    readonly filters?: readonly HttpFilter[];
  }[];
  readonly timeouts?: { readonly request?: string; readonly backendRequest?: string };
}
interface RawMatch {
  readonly path?: { readonly type?: string; readonly value?: string };
  readonly method?: string;
  readonly headers?: readonly RawHeader[];
  readonly queryParams?: readonly RawHeader[];
}
interface RawHeader {
  readonly type?: string;
  readonly name: string;
  readonly value: string;
}
