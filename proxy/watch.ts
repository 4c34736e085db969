/** What the proxy sees of Kubernetes. */
import { createReflector, type Reflector, type ReflectorOptions } from '../kubernetes/cache.ts';
import type { CacheMetrics } from '../kubernetes/cache-metrics.ts';
import type { KubeClient } from '../kubernetes/client.ts';
import { Grouping } from '../kubernetes/grouping.ts';
import {
  INGRESS_CLASSES,
  INGRESSES,
  type SlimIngress,
  type SlimIngressClass,
  slimIngress,
  slimIngressClass,
} from '../kubernetes/ingress.ts';
import { type SlimEndpointSlice, slimEndpointSlice } from '../kubernetes/services.ts';
import type { Logger } from '../runtime/log.ts';
import type { ServiceView } from './backends.ts';
import { type GatewayWatch, watchGateways } from './gateway/watch.ts';
import { type ProxyService, proxyService } from './service.ts';

export interface ProxyView extends ServiceView {
  readonly ingresses: Reflector<SlimIngress>;
  readonly classes: Reflector<SlimIngressClass>;
  readonly gateway: GatewayWatch;
  readonly service: (namespace: string, name: string) => ProxyService | undefined;
  readonly services: () => readonly ProxyService[];
  readonly whenSynced: () => Promise<void>;
}

export interface WatchOptions {
  readonly client: KubeClient;
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly metrics: CacheMetrics;
  readonly onChange: () => void;
}

/** Starts watching; runs until the signal is aborted. */
export function watchProxied({ client, signal, log, metrics, onChange }: WatchOptions): ProxyView {
  const reflect = <T>(
    rest: Pick<ReflectorOptions<T>, 'path' | 'project' | 'onChange' | 'mayBeUnknown'>,
  ): Reflector<T> => createReflector({ client, signal, log, metrics, onChange, ...rest });
  const slicesByService = new Grouping<SlimEndpointSlice>(({ namespace, service }) => [
    `${namespace}/${service ?? ''}`,
  ]);
  const caches = {
    ingresses: reflect({ path: INGRESSES, project: slimIngress }),
    classes: reflect({ path: INGRESS_CLASSES, project: slimIngressClass }),
    services: reflect({ path: '/api/v1/services', project: proxyService }),
    slices: reflect<SlimEndpointSlice>({
      path: '/apis/discovery.k8s.io/v1/endpointslices',
      project: slimEndpointSlice,
      onChange: (change) => {
        slicesByService.take(change);
        onChange();
      },
    }),
  };
  const gateway = watchGateways(reflect);
  const all: readonly Pick<Reflector<unknown>, 'whenSynced'>[] = [...Object.values(caches), gateway];
  return {
    ingresses: caches.ingresses,
    classes: caches.classes,
    gateway,
    service: (namespace, name) => caches.services.get(`${namespace}/${name}`),
    services: caches.services.list,
    slicesOf: (namespace, service) => slicesByService.get(`${namespace}/${service}`),
    whenSynced: async () => void (await Promise.all(all.map((cache) => cache.whenSynced()))),
  };
}
