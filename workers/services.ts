/** A Service as workers need it: the slim projection and whether its clients keep their backend. Pure. */
import { ANNOTATION } from '../kubernetes/annotations.ts';
import type { KubeObject } from '../kubernetes/client.ts';
import { type SlimService, slimService } from '../kubernetes/objects.ts';
import type { ClusterSettings } from './cluster-settings.ts';

export interface WorkerService extends SlimService {
  /** `sessionAffinity: ClientIP`. */
  readonly sticky: boolean;
  /** The app it belongs to: by its label, or by that of the pods it selects. */
  readonly app?: string;
}

export function slimWorkerService(raw: KubeObject): WorkerService {
  // The API's own schema.
  const { spec } = raw as KubeObject & {
    readonly spec?: { readonly sessionAffinity?: string; readonly selector?: Readonly<Record<string, string>> };
  };
  const service = slimService(raw);
  const app = service.labels[ANNOTATION.name] ?? spec?.selector?.[ANNOTATION.name];
  return { ...service, sticky: spec?.sessionAffinity === 'ClientIP', ...(app === undefined ? {} : { app }) };
}

/** Whether a Service is one that every pod reaches: the Kubernetes API, and the cluster's DNS by its address. */
export function isSystemService(
  { namespace, name, clusterIPs }: SlimService,
  { dns }: Pick<ClusterSettings, 'dns'>,
): boolean {
  return (namespace === 'default' && name === 'kubernetes') || clusterIPs.some((address) => dns.includes(address));
}
