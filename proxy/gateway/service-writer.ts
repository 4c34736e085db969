/** Makes, changes and removes the Services of Gateways. All replicas do, and mean the same. */
import type { KubeClient, KubeObject } from '../../kubernetes/client.ts';
import { hasStatus } from '../../kubernetes/errors.ts';
import { GATEWAY_ANNOTATION, GATEWAY_CONTROLLER, gatewayResources } from '../../kubernetes/gateway.ts';
import type { ProxyService } from '../service.ts';
import { GATEWAY_LABEL, isAsWanted, type ServicePlan, serviceManifest, type WantedService } from './services.ts';

export interface ServiceWriterDeps {
  readonly kube: KubeClient;
  /** Our own namespace. */
  readonly namespace: string;
  readonly service: (namespace: string, name: string) => ProxyService | undefined;
  /** The proxies' own Service, which chooses their pods. */
  readonly own: ProxyService;
}

/** Carries out a plan. Throws what the API server refuses, but not what another replica has done first. */
export async function writeServices(plan: ServicePlan, deps: ServiceWriterDeps): Promise<void> {
  for (const wanted of plan.wanted) await writeService(wanted, deps);
  for (const service of plan.left) {
    if (await isUnwanted(service, deps.kube)) {
      await deps.kube.delete(`${collectionOf(deps)}/${service.name}`, { uid: service.uid });
    }
  }
}

async function writeService(wanted: WantedService, deps: ServiceWriterDeps): Promise<void> {
  const { kube, namespace, service, own } = deps;
  const present = service(namespace, wanted.name);
  if (present !== undefined && isAsWanted(wanted, present)) return;
  const manifest = serviceManifest(wanted, own, present);
  try {
    if (present === undefined) await kube.post(collectionOf(deps), manifest);
    else await kube.patch(`${collectionOf(deps)}/${wanted.name}`, manifest);
  } catch (error) {
    if (!hasStatus(error, 409) && !hasStatus(error, 404)) throw error;
  }
}

/** Asks the API server itself: a cache that has not seen a Gateway says nothing about it. */
async function isUnwanted({ annotations, labels }: ProxyService, kube: KubeClient): Promise<boolean> {
  const [namespace = '', name = ''] = (annotations[GATEWAY_ANNOTATION] ?? '').split('/');
  const found = await kube.get(gatewayResources(`namespaces/${namespace}/gateways/${name}`));
  if (found === undefined || found.metadata.uid !== labels[GATEWAY_LABEL]) return true;
  return !(await isOfOurClass(found, kube));
}

async function isOfOurClass(gateway: KubeObject, kube: KubeClient): Promise<boolean> {
  const { gatewayClassName = '' } = (gateway['spec'] ?? {}) as { readonly gatewayClassName?: string };
  const itsClass = await kube.get(gatewayResources(`gatewayclasses/${gatewayClassName}`));
  const { controllerName } = (itsClass?.['spec'] ?? {}) as { readonly controllerName?: string };
  return controllerName === GATEWAY_CONTROLLER;
}

function collectionOf({ namespace }: ServiceWriterDeps): string {
  return `/api/v1/namespaces/${namespace}/services`;
}
