/** An Ingress and the Services that it names as the load balancer that it is. Pure. */
import type { IngressInput, IngressRule } from '../../contrail/desired/ingress.ts';
import type { IngressPath, PortReference, SlimIngress } from '../../kubernetes/ingress.ts';
import type { SlimService } from '../../kubernetes/services.ts';

/** What to make of it. A back end without an address (its Service is missing, or headless) is left out. */
export function ingressInput(ingress: SlimIngress, serviceOf: (name: string) => SlimService | undefined): IngressInput {
  const { namespace, name, uid, addresses, defaultBackend } = ingress;
  const fallback = defaultBackend && { host: '', path: '', exact: false, backend: defaultBackend };
  const rules = [
    ...ingress.paths.flatMap((path) => ruleOf(path, 'acl', { ingress, serviceOf })),
    ...(fallback === undefined ? [] : ruleOf(fallback, 'default', { ingress, serviceOf })),
  ];
  return { namespace, name, uid, addresses, rules };
}

interface Context {
  readonly ingress: SlimIngress;
  readonly serviceOf: (name: string) => SlimService | undefined;
}

function ruleOf(
  { host, path, exact, backend }: IngressPath,
  kind: IngressRule['kind'],
  { ingress, serviceOf }: Context,
): readonly IngressRule[] {
  if (backend.kind !== 'service') return [];
  const service = serviceOf(backend.service);
  const port = service && numberOf(service, backend.port);
  const address = service?.clusterIPs[0];
  if (port === undefined || address === undefined) return [];
  const secret = secretFor(host, ingress);
  const member = { address, port, service: backend.service };
  return [{ kind, host, path, exact, member, ...(secret === undefined ? {} : { secret }) }];
}

/** By number or by name: the member's port is a number. */
function numberOf({ ports }: SlimService, wanted: PortReference): number | undefined {
  return ports.find(({ name, port }) => (typeof wanted === 'number' ? port === wanted : name === wanted))?.port;
}

/** The Secret for a host: that of the entry which names it, else that of one which names none. */
function secretFor(host: string, { tls }: SlimIngress): IngressRule['secret'] {
  const own = tls.find(({ hosts, secret }) => secret !== '' && host !== '' && hosts.includes(host));
  const found = own ?? tls.find(({ hosts, secret }) => secret !== '' && hosts.length === 0);
  return found === undefined ? undefined : { name: found.secret, isDefault: found.hosts.length === 0 };
}
