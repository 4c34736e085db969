/**
 * What Kubernetes says of a Service and Contrail has no field for: annotations on the objects of its load balancer, which
 * the Linux vRouter reads and a Contrail controller passes over. They are always written, since what is absent from a
 * desired object is not taken away from the observed one. Pure.
 */
import { annotationOf, type ContrailObject } from './objects.ts';

/** How a load balancer's traffic is spread, and what stands for it besides its own addresses. */
export interface BalancerTraffic {
  /** Pods and nodes are sent to back ends on their own node only (`internalTrafficPolicy: Local`). */
  readonly internalLocal: boolean;
  /** The outside is sent to back ends on the node that it came to only (`externalTrafficPolicy: Local`). */
  readonly externalLocal: boolean;
  /** The port at which each node says how many back ends it has. */
  readonly healthPort?: number;
  /** Addresses that somebody else leads to the nodes (`externalIPs`). */
  readonly externalAddresses: readonly string[];
  /** Who may use the addresses from outside; everybody where empty. */
  readonly sourceRanges: readonly string[];
}

/** Where a back end is, and whom it is meant for (the hints of its EndpointSlice). */
export interface Placement {
  readonly node?: string;
  readonly nodes?: readonly string[];
  readonly zones?: readonly string[];
}

/** What most load balancers are asked for. */
export const PLAIN_TRAFFIC: BalancerTraffic = {
  internalLocal: false,
  externalLocal: false,
  externalAddresses: [],
  sourceRanges: [],
};

const TRAFFIC = 'traffic';
const PLACEMENT = 'placement';
const DRAINING = 'draining';
const AFFINITY = 'affinitySeconds';
const NODE_PORT = 'nodePort';
const TRANSPORT = 'transport';
const MONITORED_PORT = 'port';

/** The annotations of a load balancer. */
export function trafficAnnotations(traffic: BalancerTraffic): Readonly<Record<string, string>> {
  return { [TRAFFIC]: JSON.stringify(traffic) };
}

/** The annotations of a listener; `transport` where Contrail has no name for the protocol. */
export function listenerAnnotations({
  nodePort,
  transport,
}: {
  readonly nodePort?: number | undefined;
  readonly transport?: 'SCTP' | undefined;
}): Readonly<Record<string, string>> {
  return { [NODE_PORT]: `${nodePort ?? ''}`, [TRANSPORT]: transport ?? '' };
}

/** The annotations of a pool. */
export function poolAnnotations(affinitySeconds: number | undefined): Readonly<Record<string, string>> {
  return { [AFFINITY]: `${affinitySeconds ?? ''}` };
}

/** The annotations of a health monitor; the port that is asked, where it is not each member's own. */
export function monitorAnnotations(port: number | undefined): Readonly<Record<string, string>> {
  return { [MONITORED_PORT]: `${port ?? ''}` };
}

/** The annotations of a member; a draining one takes new flows only where nobody else can. */
export function memberAnnotations(placement: Placement, draining: boolean): Readonly<Record<string, string>> {
  return { [PLACEMENT]: JSON.stringify(placement), [DRAINING]: draining ? 'yes' : '' };
}

/** A load balancer's traffic; the plain kind for one that others made. */
export function trafficOf(balancer: ContrailObject): BalancerTraffic {
  return { ...PLAIN_TRAFFIC, ...parsed<BalancerTraffic>(annotationOf(balancer, TRAFFIC)) };
}

/** Where a member is; nothing is known of one that others made. */
export function placementOf(member: ContrailObject): Placement {
  return parsed<Placement>(annotationOf(member, PLACEMENT));
}

export function isDraining(member: ContrailObject): boolean {
  return annotationOf(member, DRAINING) === 'yes';
}

/** Seconds that a client keeps its back end, where the pool says so. */
export function affinityOf(pool: ContrailObject): number | undefined {
  return positive(annotationOf(pool, AFFINITY));
}

export function nodePortOf(listener: ContrailObject): number | undefined {
  return positive(annotationOf(listener, NODE_PORT));
}

/** The port that a monitor asks, where it is not each member's own. */
export function monitoredPortOf(monitor: ContrailObject): number | undefined {
  return positive(annotationOf(monitor, MONITORED_PORT));
}

export function transportOf(listener: ContrailObject): string | undefined {
  return annotationOf(listener, TRANSPORT) || undefined;
}

function positive(text: string | undefined): number | undefined {
  const value = Number(text ?? '');
  return Number.isInteger(value) && value > 0 ? value : undefined;
}

/** Written by us alone, in the form above; whatever else stands there says nothing. */
function parsed<T extends object>(text: string | undefined): Partial<T> {
  try {
    // Checked no further: the annotation is among those that only its owner may write.
    return JSON.parse(text || '{}') as Partial<T>;
  } catch {
    return {};
  }
}
