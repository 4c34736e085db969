/** A Service's port as the servers behind it. Pure. */
import { ANNOTATION } from '../kubernetes/annotations.ts';
import { parseHealthCheck } from '../kubernetes/health-check.ts';
import type { PortReference } from '../kubernetes/ingress.ts';
import type { SlimEndpoint, SlimEndpointSlice, SlimService, SlimServicePort } from '../kubernetes/services.ts';
import type { Pool, Problem, Server } from './model.ts';

/** What is known of Services and their endpoints. */
export interface ServiceView {
  readonly service: (namespace: string, name: string) => SlimService | undefined;
  readonly slicesOf: (namespace: string, service: string) => readonly SlimEndpointSlice[];
}

/** A port of a Service, as a user refers to it. */
export interface ServicePortReference {
  readonly namespace: string;
  readonly service: string;
  readonly port: PortReference;
}

export type Resolved =
  | { readonly kind: 'pool'; readonly port: number; readonly pool: Pool }
  | { readonly kind: 'problem'; readonly problem: Problem };

/** The servers of a Service's TCP port: the ready endpoints, or those that still serve where none is ready. */
export function resolveBackend({ namespace, service, port }: ServicePortReference, view: ServiceView): Resolved {
  const found = view.service(namespace, service);
  if (found === undefined || found.type === 'ExternalName') {
    const why = found === undefined ? 'does not exist' : 'is of type ExternalName, which is not proxied';
    const message = `Service "${namespace}/${service}" ${why}: requests for it are refused until it is there`;
    return { kind: 'problem', problem: { reason: 'ServiceNotFound', message } };
  }
  const wanted = found.ports.find((each) => isMeant(each, port));
  if (wanted === undefined) {
    const there = found.ports.map(({ name, port }) => (name === '' ? `${port}` : `${name} (${port})`)).join(', ');
    const message = `Service "${namespace}/${service}" has no TCP port ${JSON.stringify(port)}, it has: ${there || 'none'}`;
    return { kind: 'problem', problem: { reason: 'PortNotFound', message } };
  }
  const servers = serversOf(wanted, view.slicesOf(namespace, service));
  return { kind: 'pool', port: wanted.port, pool: { servers, ...checkOf(found) } };
}

/** Of a check that is not understood workers tell the user. */
function checkOf({ annotations }: SlimService): Pick<Pool, 'check'> {
  const parsed = parseHealthCheck(annotations[ANNOTATION.healthCheck] ?? '');
  return parsed.ok ? { check: parsed.value } : {};
}

function isMeant({ name, port, protocol }: SlimServicePort, wanted: PortReference): boolean {
  return protocol === 'TCP' && (typeof wanted === 'number' ? port === wanted : name === wanted);
}

function serversOf(port: SlimServicePort, slices: readonly SlimEndpointSlice[]): readonly Server[] {
  const all = slices.flatMap((slice) => {
    const target = slice.ports.find(({ name, protocol }) => name === port.name && protocol === 'TCP');
    if (target === undefined || slice.addressType === 'FQDN') return [];
    return slice.endpoints.flatMap((endpoint) => memberOf(endpoint, target.port));
  });
  const ready = all.filter((member) => member.ready);
  const members = ready.length > 0 ? ready : all.filter((member) => member.draining);
  // One endpoint may stand in two slices while they are rewritten (EndpointSlice documentation, "Duplicates").
  const distinct = new Map(members.map(({ address, port }) => [`${address} ${port}`, { address, port }]));
  return [...distinct.entries()].sort(([a], [b]) => a.localeCompare(b)).map(([, server]) => server);
}

/** All addresses of an endpoint are the same back end; the first stands for it (EndpointSlice API). */
function memberOf({ addresses, ready, draining = false }: SlimEndpoint, port: number) {
  const [address] = addresses;
  return address === undefined ? [] : [{ address, port, ready, draining }];
}
