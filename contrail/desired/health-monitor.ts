/** How the members of a Service's pools are checked: one monitor for all of its ports (facts 5.1, 5.2). Pure. */
import { partUuid } from '../names.ts';
import type { ContrailObject, LoadbalancerHealthmonitor } from '../objects.ts';
import { annotationsFor, type Owner } from '../ownership.ts';
import { monitorAnnotations } from '../traffic.ts';
import { inProject } from './owner.ts';

export interface HealthCheckInput {
  readonly type: 'HTTP' | 'HTTPS' | 'TCP' | 'PING';
  readonly path?: string | undefined;
  /** The port that is asked, if it is not the member's own. */
  readonly port?: number | undefined;
  /** From one question to the next, and for an answer, in seconds. */
  readonly delay: number;
  readonly timeout: number;
  /** Questions that fail in a row before a member is left out. */
  readonly retries: number;
}

/** The UUID of a Service's monitor. */
export function healthMonitorUuid(serviceUid: string): string {
  return partUuid(serviceUid, 'healthmonitor');
}

/** The monitor of a load balancer whose UUID is its Service's UID. */
export function healthMonitor(
  { type, path, port, delay, timeout, retries }: HealthCheckInput,
  { loadbalancer, owner }: { readonly loadbalancer: ContrailObject; readonly owner: Owner },
): ContrailObject {
  const properties: LoadbalancerHealthmonitor['loadbalancer_healthmonitor_properties'] = {
    admin_state: true,
    monitor_type: type,
    delay,
    timeout,
    max_retries: retries,
    ...(type.startsWith('HTTP') ? { http_method: 'GET', url_path: path ?? '/' } : {}),
  };
  const identity = {
    type: 'loadbalancer-healthmonitor',
    uuid: healthMonitorUuid(loadbalancer.uuid),
    fqName: [...loadbalancer.fq_name.slice(0, -1), `${loadbalancer.fq_name.at(-1)}-healthmonitor`],
  };
  return inProject(identity, owner, {
    display_name: identity.fqName.at(-1),
    loadbalancer_healthmonitor_properties: properties,
    ...annotationsFor(owner, monitorAnnotations(port)),
  });
}

/** Whether a port can be asked: one that is no TCP port only by a ping, or at another port. */
export function isAskable(protocol: string, { type, port }: HealthCheckInput): boolean {
  return protocol === 'TCP' || type === 'PING' || port !== undefined;
}
