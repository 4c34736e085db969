/** A Service as workers need it: the slim projection and how its traffic is to be spread. Pure. */
import type { BalancerTraffic } from '../contrail/traffic.ts';
import { ANNOTATION } from '../kubernetes/annotations.ts';
import type { KubeObject } from '../kubernetes/client.ts';
import { isForOthers, loadBalancerAddresses, type SlimService, slimService } from '../kubernetes/services.ts';
import type { ClusterSettings } from './cluster-settings.ts';

export interface WorkerService extends SlimService {
  /** How long a client keeps its backend, in seconds; absent: `sessionAffinity` is not `ClientIP`. */
  readonly affinitySeconds?: number;
  /** Which backends a node sends traffic to, and what else stands for the Service. */
  readonly traffic: BalancerTraffic;
  /** What a Service of type LoadBalancer asks for, and has been given. */
  readonly balancer?: BalancerRequest;
  /** The app it belongs to: by its label, or by that of the pods it selects. */
  readonly app?: string;
}

export interface BalancerRequest {
  readonly class?: string;
  /** `spec.loadBalancerIP`. */
  readonly requested?: string;
  /** The addresses of its status. */
  readonly assigned: readonly string[];
}

/** Kubernetes' own default of `sessionAffinityConfig.clientIP.timeoutSeconds`. */
const AFFINITY_SECONDS = 10_800;

export function slimWorkerService(raw: KubeObject): WorkerService {
  // The API's own schema.
  const { spec = {} } = raw as KubeObject & { readonly spec?: RawSpec };
  const service = slimService(raw);
  const app = service.labels[ANNOTATION.name] ?? spec.selector?.[ANNOTATION.name];
  const sticky = spec.sessionAffinity === 'ClientIP';
  const affinitySeconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? AFFINITY_SECONDS;
  return {
    ...service,
    ...(sticky ? { affinitySeconds } : {}),
    traffic: trafficOf(spec),
    ...(spec.type === 'LoadBalancer' ? { balancer: balancerOf(spec, loadBalancerAddresses(raw)) } : {}),
    ...(app === undefined ? {} : { app }),
  };
}

/** The fields of a Service's specification that are read here. */
interface RawSpec {
  readonly type?: string;
  readonly loadBalancerClass?: string;
  readonly loadBalancerIP?: string;
  readonly sessionAffinity?: string;
  readonly sessionAffinityConfig?: { readonly clientIP?: { readonly timeoutSeconds?: number } };
  readonly selector?: Readonly<Record<string, string>>;
  readonly internalTrafficPolicy?: string;
  readonly externalTrafficPolicy?: string;
  readonly healthCheckNodePort?: number;
  readonly externalIPs?: readonly string[];
  readonly loadBalancerSourceRanges?: readonly string[];
}

function balancerOf(spec: RawSpec, assigned: readonly string[]): BalancerRequest {
  return {
    ...(spec.loadBalancerClass === undefined ? {} : { class: spec.loadBalancerClass }),
    ...(spec.loadBalancerIP ? { requested: spec.loadBalancerIP } : {}),
    assigned,
  };
}

function trafficOf(spec: RawSpec): BalancerTraffic {
  const healthPort = spec.healthCheckNodePort ?? 0;
  return {
    internalLocal: spec.internalTrafficPolicy === 'Local',
    externalLocal: spec.externalTrafficPolicy === 'Local',
    ...(healthPort > 0 ? { healthPort } : {}),
    externalAddresses: spec.externalIPs ?? [],
    sourceRanges: (spec.loadBalancerSourceRanges ?? []).map((range) => range.trim()),
  };
}

/** Whether a Service has an address that is ours to serve: headless ones and ExternalName have none, and some are for others. */
export function isServed({ type, clusterIPs, labels }: SlimService): boolean {
  return type !== 'ExternalName' && clusterIPs.length > 0 && !isForOthers(labels);
}

/** Whether a Service is one that every pod reaches: the Kubernetes API, and the cluster's DNS by its address. */
export function isSystemService(
  { namespace, name, clusterIPs }: SlimService,
  { dns }: Pick<ClusterSettings, 'dns'>,
): boolean {
  return (namespace === 'default' && name === 'kubernetes') || clusterIPs.some((address) => dns.includes(address));
}
