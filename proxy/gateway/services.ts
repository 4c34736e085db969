/**
 * The Services by which Gateways are reached: one for each, in our own namespace, of the proxies' pods. It is also the record
 * of the ports that HAProxy listens at for the Gateway's, the same at all replicas. Pure.
 */
import { createHash } from 'node:crypto';
import { GATEWAY_ANNOTATION, requestedAddresses, type SlimGateway } from '../../kubernetes/gateway.ts';
import type { ProxyService } from '../service.ts';

/** On the Services of Gateways: the Gateway's UID. */
export const GATEWAY_LABEL = 'opencontrail.org/gateway-uid';
/** On them, too: what `spec.infrastructure` has given them, so that what it gives no more is known, and taken away. */
const INFRASTRUCTURE_ANNOTATION = 'opencontrail.org/gateway-infrastructure';
/** Ports that HAProxy may listen at for Gateways, both inclusive. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** A Service as it is to be; `port` is the Gateway's, `targetPort` HAProxy's. */
export interface WantedService {
  readonly name: string;
  readonly gateway: SlimGateway;
  readonly ports: readonly { readonly port: number; readonly targetPort: number }[];
}

export interface ServicePlan {
  readonly wanted: readonly WantedService[];
  /** What is left of Gateways that are no longer there, or no longer ours. */
  readonly left: readonly ProxyService[];
  /** Gateways that have got no port, since all are taken. */
  readonly without: readonly SlimGateway[];
}

/** The name of a Gateway's Service. */
export function serviceName({ uid, name }: SlimGateway): string {
  const digest = createHash('sha256').update(uid).digest('hex').slice(0, 8);
  return `gateway-${name.slice(0, 46).replaceAll('.', '-')}-${digest}`;
}

/**
 * The Services of these Gateways, the oldest first; what a Service says already stays, where two say the same the older's does.
 * A port that is `foreign`, somebody else's on this node, gives way to the next one: never to one before it, so that replicas
 * on whose nodes different ports are taken come to an end.
 */
export function planServices(
  gateways: readonly SlimGateway[],
  services: readonly ProxyService[],
  { range, foreign = new Set() }: { readonly range: PortRange; readonly foreign?: ReadonlySet<number> },
): ServicePlan {
  const known = new Map(services.map((service) => [service.name, service]));
  const taken = new Set(foreign);
  const before = (gateway: SlimGateway, port: number): number | undefined =>
    known.get(serviceName(gateway))?.targets.find((each) => each.port === port)?.targetPort;
  const recorded = gateways.map((gateway) => ({ gateway, kept: keptPorts(gateway, known, { range, taken }) }));
  const without: SlimGateway[] = [];
  const wanted = recorded.flatMap(({ gateway, kept }) => {
    const ports = [...new Set(gateway.listeners.map(({ port }) => port))].flatMap((port) => {
      const targetPort = kept.get(port) ?? firstFree(range, taken, before(gateway, port));
      if (targetPort === undefined) return [];
      taken.add(targetPort);
      return [{ port, targetPort }];
    });
    if (ports.length === 0) without.push(gateway);
    return ports.length === 0 ? [] : [{ name: serviceName(gateway), gateway, ports }];
  });
  const names = new Set(wanted.map(({ name }) => name));
  return { wanted, left: services.filter(({ name }) => !names.has(name)), without };
}

/** Whether a Service is what it should be. */
export function isAsWanted({ gateway, ports }: WantedService, service: ProxyService): boolean {
  const { labels, annotations } = metadataOf(gateway);
  return (
    JSON.stringify(service.targets) === JSON.stringify(ports) &&
    Object.entries(labels).every(([key, value]) => service.labels[key] === value) &&
    Object.entries(annotations).every(
      ([key, value]) => !key.startsWith('opencontrail.org/') || service.annotations[key] === value,
    ) &&
    service.requested === requestedAddress(gateway) &&
    service.isOfAllFamilies
  );
}

/**
 * The Service's object; pods are chosen as the proxies' own Service does, and with that it goes. As a patch of one that is there already
 * it takes away the labels and annotations that the Gateway gives no more.
 */
export function serviceManifest(
  { name, gateway, ports }: WantedService,
  { name: owner, uid, selector }: ProxyService,
  present?: ProxyService,
) {
  const ownerReferences = [{ apiVersion: 'v1', kind: 'Service', name: owner, uid }];
  const { labels, annotations } = metadataOf(gateway);
  const before = infrastructureOf(present);
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name,
      ownerReferences,
      labels: { ...nulls(before.labels), ...labels },
      annotations: { ...nulls(before.annotations), ...annotations },
    },
    spec: {
      type: 'LoadBalancer',
      // A node that has no proxy sends nobody to one, and clients keep their addresses.
      externalTrafficPolicy: 'Local',
      ipFamilyPolicy: 'PreferDualStack',
      // A patch takes away what is null.
      loadBalancerIP: requestedAddress(gateway) ?? null,
      selector,
      ports: ports.map(({ port, targetPort }) => ({ name: `p${port}`, protocol: 'TCP', port, targetPort })),
    },
  };
}

function metadataOf(gateway: SlimGateway) {
  const { namespace, name, uid } = gateway;
  return {
    labels: {
      ...gateway.labels,
      'app.kubernetes.io/managed-by': 'opencontrail-proxy',
      'gateway.networking.k8s.io/gateway-name': name.slice(0, 63),
      [GATEWAY_LABEL]: uid,
    },
    annotations: {
      ...gateway.annotations,
      [GATEWAY_ANNOTATION]: `${namespace}/${name}`,
      [INFRASTRUCTURE_ANNOTATION]: JSON.stringify({ labels: gateway.labels, annotations: gateway.annotations }),
    },
  };
}

interface Infrastructure {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** What a Service says that it has of its Gateway; one that says nothing, or what nobody wrote so, has nothing. */
function infrastructureOf(service: ProxyService | undefined): Infrastructure {
  try {
    return (JSON.parse(service?.annotations[INFRASTRUCTURE_ANNOTATION] ?? 'null') as Infrastructure | null) ?? {};
  } catch {
    return {}; // A hand has written it, and the next patch mends it.
  }
}

/** In a merge patch null takes a key away. */
const nulls = (given: Readonly<Record<string, string>> = {}): Readonly<Record<string, null>> =>
  Object.fromEntries(Object.keys(given).map((key) => [key, null]));

/** A Service can ask for one. */
function requestedAddress(gateway: SlimGateway): string | undefined {
  return requestedAddresses(gateway)[0];
}

function keptPorts(
  gateway: SlimGateway,
  known: ReadonlyMap<string, ProxyService>,
  { range, taken }: { readonly range: PortRange; readonly taken: Set<number> },
): ReadonlyMap<number, number> {
  const needed = new Set(gateway.listeners.map(({ port }) => port));
  const own = (known.get(serviceName(gateway))?.targets ?? []).filter(
    ({ port, targetPort }) =>
      needed.has(port) && targetPort >= range.first && targetPort <= range.last && !taken.has(targetPort),
  );
  for (const { targetPort } of own) taken.add(targetPort);
  return new Map(own.map(({ port, targetPort }) => [port, targetPort]));
}

/** Of those after another one, or from the first on; then of all. */
function firstFree(range: PortRange, taken: ReadonlySet<number>, after = range.first - 1): number | undefined {
  const { first, last } = range;
  const start = after >= first && after < last ? after + 1 : first;
  for (let port = start; port <= last; port += 1) if (!taken.has(port)) return port;
  return start === first ? undefined : firstFree(range, taken);
}
