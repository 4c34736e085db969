/** Which pool gives a FloatingIP its address, which address that is to be, and who holds it. Pure. */
import { type Family, familyOf } from '../../contrail/desired/pod.ts';
import type { End } from '../../contrail/reference.ts';
import { serviceInterfaceUuid } from '../../contrail/desired/service.ts';
import { ANNOTATION } from '../../kubernetes/annotations.ts';
import { isForHolder, type SlimFloatingIp } from '../../kubernetes/floating-ip.ts';
import type { SlimFloatingIpPool } from '../../kubernetes/floating-ip-pool.ts';
import type { SlimNode, SlimPod } from '../../kubernetes/objects.ts';
import { portsOfPod } from '../../kubernetes/ports.ts';
import { TerminalError } from '../../runtime/errors.ts';
import type { ClusterSettings } from '../cluster-settings.ts';
import { refuseOfNode } from '../node-addresses.ts';
import { isServed, type WorkerService } from '../services.ts';
import { holds, requireIn } from './external.ts';
import { isWantedPod } from './pod.ts';

/** The pool that a floating IP names. Throws a `TerminalError` where there is none, or none for its namespace. */
export function servingPool(
  { pool, namespace }: Pick<SlimFloatingIp, 'pool' | 'namespace'>,
  found: SlimFloatingIpPool | undefined,
): SlimFloatingIpPool {
  if (found === undefined)
    throw new TerminalError('NoPool', `spec.pool: there is no FloatingIPPool ${pool}; create it`);
  if (found.namespaces?.includes(namespace) ?? true) return found;
  throw new TerminalError(
    'PoolForbidden',
    `spec.pool: FloatingIPPool ${pool} serves namespaces ${(found.namespaces ?? []).join(', ')}; add ${namespace} to its spec.namespaces, or name another pool`,
  );
}

/**
 * What it asks for, or has been given already. Throws a `TerminalError` for an address of another pool, and for one of a node's that it has
 * not been given before the node came.
 */
export function addressIn(
  { pool, nodes }: { readonly pool: SlimFloatingIpPool; readonly nodes: readonly SlimNode[] },
  wanted: { readonly field: string; readonly address?: string | undefined; readonly assigned?: string | undefined },
): string | undefined {
  const { field, address, assigned } = wanted;
  if (address === undefined) return assigned !== undefined && holds(pool, assigned) ? assigned : undefined;
  requireIn(pool, field, address);
  if (address !== assigned) refuseOfNode(field, address, nodes);
  return address;
}

export interface Holders {
  readonly holders: readonly End[];
  readonly heldBy: readonly string[];
  readonly missing: string | undefined;
}

interface Candidates {
  readonly pods: readonly SlimPod[];
  readonly services: readonly WorkerService[];
  /** The address's: it can stand for addresses of this family alone. */
  readonly family: Family;
}

/** Those who hold it: pods that have their ports, or a Service's load balancer. */
export function holdersOf(
  floating: SlimFloatingIp,
  { pods, services, family }: Candidates,
  { names }: ClusterSettings,
): Holders {
  const isOfFamily = (address: string): boolean => familyOf(address) === family;
  const podEnds = pods
    .filter((pod) => isWantedPod(pod) && isForHolder(floating, { kind: 'Pod', ...pod }))
    .flatMap((pod) => podEnd(pod, isOfFamily, names));
  const serviceEnds = services
    .filter((service) => isServed(service) && isForHolder(floating, { kind: 'Service', ...service }))
    .filter(({ clusterIPs }) => clusterIPs.some(isOfFamily))
    .map(({ namespace, name, uid }) => ({
      holder: `Service ${name}`,
      end: interfaceEnd(serviceInterfaceUuid(uid), names.serviceInterface(namespace, name, uid)),
    }));
  // By name, since the order of a cache is that of arrival; a pod read twice counts once.
  const found = new Map([...podEnds, ...serviceEnds].map(({ holder, end }) => [holder, end] as const));
  const heldBy = [...found.keys()].sort();
  return {
    holders: heldBy.flatMap((holder) => found.get(holder) ?? []),
    heldBy,
    missing: heldBy.length === 0 ? wantedText(floating) : undefined,
  };
}

function podEnd(
  { namespace, name, uid, annotations }: SlimPod,
  isMeant: (address: string) => boolean,
  names: ClusterSettings['names'],
) {
  const [first] = portsOfPod(annotations[ANNOTATION.ports], uid)?.interfaces ?? [];
  if (first === undefined || !first.ips.some(isMeant)) return [];
  return [{ holder: `Pod ${name}`, end: interfaceEnd(first.vmi, names.podInterface(namespace, name, first.vmi)) }];
}

function interfaceEnd(uuid: string, fqName: readonly string[]): End {
  return { type: 'virtual-machine-interface', uuid, fq_name: fqName };
}

function wantedText({ pod, service, selector }: SlimFloatingIp): string | undefined {
  if (pod !== undefined) return `Pod ${pod}`;
  if (service !== undefined) return `Service ${service}`;
  return selector === undefined ? undefined : 'a pod that spec.selector means';
}
