/** What the proxy sees of the Gateway API; an API server that does not know it has none of it. */
import type { Reflector, ReflectorOptions } from '../../kubernetes/cache.ts';
import {
  gatewayResources,
  slimGateway,
  slimGatewayClass,
  slimReferenceGrant,
  type SlimGateway,
  type SlimGatewayClass,
  type SlimReferenceGrant,
} from '../../kubernetes/gateway.ts';
import { type RouteKindName, ROUTES, type SlimRoute, slimRoute } from '../../kubernetes/gateway-route.ts';
import { slimNamespace, type SlimNamespace } from '../../kubernetes/objects.ts';
import type { Labels } from '../../kubernetes/selector.ts';

export interface GatewayWatch {
  readonly classes: () => readonly SlimGatewayClass[];
  readonly gateways: () => readonly SlimGateway[];
  readonly routes: () => readonly SlimRoute[];
  readonly grants: () => readonly SlimReferenceGrant[];
  readonly labelsOf: (namespace: string) => Labels;
  readonly whenSynced: () => Promise<void>;
}

/** Starts a reflector; what they all have in common is given. */
export type Reflect = <T>(rest: Pick<ReflectorOptions<T>, 'path' | 'project' | 'mayBeUnknown'>) => Reflector<T>;

/** Starts watching. */
export function watchGateways(reflect: Reflect): GatewayWatch {
  const known = <T>(plural: string, project: ReflectorOptions<T>['project'], version: 'v1' | 'v1beta1' = 'v1') =>
    reflect<T>({ path: gatewayResources(plural, version), project, mayBeUnknown: true });
  const classes = known<SlimGatewayClass>('gatewayclasses', slimGatewayClass);
  const gateways = known<SlimGateway>('gateways', slimGateway);
  // ReferenceGrants are served as v1beta1 by every release of the API.
  const grants = known<SlimReferenceGrant>('referencegrants', slimReferenceGrant, 'v1beta1');
  const routes = (Object.keys(ROUTES) as RouteKindName[]).map((kind) =>
    known<SlimRoute>(ROUTES[kind], slimRoute(kind)),
  );
  const namespaces = reflect<SlimNamespace>({ path: '/api/v1/namespaces', project: slimNamespace });
  const all: readonly Reflector<unknown>[] = [classes, gateways, grants, ...routes, namespaces];
  return {
    classes: classes.list,
    gateways: gateways.list,
    routes: () => routes.flatMap((cache) => cache.list()),
    grants: grants.list,
    labelsOf: (namespace) => namespaces.get(namespace)?.labels ?? {},
    whenSynced: async () => void (await Promise.all(all.map((cache) => cache.whenSynced()))),
  };
}
