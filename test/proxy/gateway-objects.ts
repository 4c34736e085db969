/** Objects of the Gateway API as tests of the proxy write them. */
import type { KubeObject } from '../../kubernetes/client.ts';
import { type SlimGateway, type SlimReferenceGrant, slimGateway } from '../../kubernetes/gateway.ts';
import { type RouteKindName, type SlimRoute, slimRoute } from '../../kubernetes/gateway-route.ts';
import { compileGateways, type GatewayView } from '../../proxy/gateway/compile.ts';
import type { SecretContent } from '../../proxy/certificate-secret.ts';
import { viewOf } from './objects.ts';

type Json = Readonly<Record<string, unknown>>;

/** The objects of the API's group, in the namespace shop; later ones are younger. */
let age = 0;

function raw(name: string, spec: Json, namespace = 'shop'): KubeObject {
  age += 1;
  const creationTimestamp = new Date(age * 1000).toISOString();
  const metadata = { name, namespace, uid: `${name}-uid`, resourceVersion: '1', generation: 1, creationTimestamp };
  return { metadata, spec };
}

/** A Gateway named web of these listeners; each is for routes of its own namespace, if it does not say another thing. */
export function gateway(...listeners: readonly Json[]): SlimGateway {
  const named = listeners.map((listener) => ({ name: 'http', port: 80, protocol: 'HTTP', ...listener }));
  return slimGateway(raw('web', { gatewayClassName: 'opencontrail', listeners: named }));
}

/** A route of the Gateway named web. */
export function route(name: string, spec: Json, kind: RouteKindName = 'HTTPRoute', namespace = 'shop'): SlimRoute {
  return slimRoute(kind)(raw(name, { parentRefs: [{ name: 'web', namespace: 'shop' }], ...spec }, namespace));
}

/** A rule that leads to port 80 of the Service of that name. */
export function rule(to: string, more: Json = {}): Json {
  return { backendRefs: [{ name: to, port: 80 }], ...more };
}

/** A match of paths that start so, and more. */
export function prefix(value: string, more: Json = {}): Json {
  return { path: { type: 'PathPrefix', value }, ...more };
}

export interface World {
  readonly services?: Readonly<Record<string, readonly string[]>>;
  readonly secrets?: Readonly<Record<string, SecretContent>>;
  readonly grants?: readonly SlimReferenceGrant[];
  readonly labels?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly insideOf?: GatewayView['insideOf'];
  readonly foreign?: GatewayView['foreign'];
}

/** What they are compiled to; HAProxy listens at 21000 and the Gateway's port, if nothing else is said. */
export function compiled(gateways: readonly SlimGateway[], routes: readonly SlimRoute[], world: World = {}) {
  const { services = {}, secrets = {}, grants = [], labels = {} } = world;
  const { insideOf = (_gateway, port) => 21_000 + port, foreign = new Set() } = world;
  const labelsOf = (name: string) => labels[name] ?? {};
  const view = { ...viewOf(services, secrets), grants, labelsOf, insideOf, foreign };
  return compileGateways(gateways, routes, view);
}
