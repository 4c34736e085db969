/** What each listener of a Gateway is good for: its certificates, the kinds of routes, and what is wrong with it. Pure. */
import {
  GATEWAY_GROUP,
  type GatewayListener,
  isGranted,
  type ObjectLink,
  type RouteKind,
  type SlimGateway,
  type SlimReferenceGrant,
} from '../../kubernetes/gateway.ts';
import type { RouteKindName } from '../../kubernetes/gateway-route.ts';
import type { SecretContent } from '../certificate-secret.ts';
import type { Problem } from '../model.ts';

/** What listeners are judged by. */
export interface ListenerView {
  readonly grants: readonly SlimReferenceGrant[];
  /** By `namespace/name`; `undefined` while nobody has looked yet. */
  readonly secrets: (name: string) => SecretContent | undefined;
}

export interface ListenerState {
  readonly listener: GatewayListener;
  readonly kinds: readonly RouteKind[];
  /** Certificates by Secret. */
  readonly certificates: readonly { readonly name: string; readonly pem: string }[];
  /** Why it is not accepted. */
  readonly refused?: Problem;
  /** Why what it refers to cannot be had. */
  readonly unresolved?: Problem;
  /** A Secret has not been read yet. */
  readonly isPending: boolean;
}

/** Protocols, the kind of route that each is for, and who may share a port. */
const PROTOCOLS: Readonly<Record<string, { readonly kind: RouteKindName; readonly shares: string }>> = {
  HTTP: { kind: 'HTTPRoute', shares: 'HTTP' },
  HTTPS: { kind: 'HTTPRoute', shares: 'TLS' },
  TLS: { kind: 'TLSRoute', shares: 'TLS' },
  TCP: { kind: 'TCPRoute', shares: 'TCP' },
};

/** The listeners in their order. */
export function judgeListeners(gateway: SlimGateway, view: ListenerView): readonly ListenerState[] {
  return gateway.listeners.map((listener) => {
    const unsupported = reasonToRefuse(listener);
    const refused = unsupported ?? conflictOf(listener, gateway.listeners);
    const certified = certificatesOf(gateway, listener, view);
    const { kinds, unknown } = kindsOf(listener);
    const unresolved = unknown ?? certified.problem;
    return {
      listener,
      // What is not served at all serves no kind of route.
      kinds: unsupported === undefined ? kinds : [],
      certificates: certified.certificates,
      isPending: certified.isPending,
      ...(refused === undefined ? {} : { refused }),
      ...(unresolved === undefined ? {} : { unresolved }),
    };
  });
}

/** The Secrets (`namespace/name`) that Gateways name and may use. */
export function secretsOfGateways(gateways: readonly SlimGateway[], grants: readonly SlimReferenceGrant[]) {
  const all = gateways.flatMap((gateway) =>
    gateway.listeners.flatMap(({ certificates }) => certificates.filter((link) => isUsable(gateway, link, grants))),
  );
  return new Set(all.map(nameOf));
}

/** Whether requests get in by a listener. */
export function isServed({ refused, certificates, listener }: ListenerState): boolean {
  return refused === undefined && (listener.protocol !== 'HTTPS' || certificates.length > 0);
}

function reasonToRefuse({ protocol, tlsMode }: GatewayListener): Problem | undefined {
  if (PROTOCOLS[protocol] === undefined) {
    const message = `protocol "${protocol}" is not served: choose one of ${Object.keys(PROTOCOLS).join(', ')}`;
    return { reason: 'UnsupportedProtocol', message };
  }
  if (protocol === 'TLS' && tlsMode !== 'Passthrough') {
    const message = `tls.mode "${tlsMode}" is not served with protocol TLS: choose Passthrough, or protocol HTTPS`;
    return { reason: 'UnsupportedValue', message };
  }
  return undefined;
}

/**
 * All that are in conflict are refused: none is the winner. A protocol that is not served has nobody's port, so that TCP goes on beside
 * UDP at the same number (Gateway, `listeners`).
 */
function conflictOf(listener: GatewayListener, all: readonly GatewayListener[]): Problem | undefined {
  const others = all.filter(
    (other) => other !== listener && other.port === listener.port && PROTOCOLS[other.protocol] !== undefined,
  );
  const shares = PROTOCOLS[listener.protocol]?.shares;
  const foreign = others.find(({ protocol }) => PROTOCOLS[protocol]?.shares !== shares);
  if (foreign !== undefined) {
    const message = `port ${listener.port} has listener "${foreign.name}" of protocol ${foreign.protocol}, too: choose another port`;
    return { reason: 'ProtocolConflict', message };
  }
  const twin = others.find(({ hostname }) => shares === 'TCP' || hostname === listener.hostname);
  if (twin === undefined) return undefined;
  const message = `listener "${twin.name}" has port ${listener.port} and the same hostname: choose another port or hostname`;
  return { reason: 'HostnameConflict', message };
}

function kindsOf({ protocol, kinds }: GatewayListener) {
  const suited = PROTOCOLS[protocol]?.kind;
  if (suited === undefined) return { kinds: [] };
  const own = { group: GATEWAY_GROUP, kind: suited };
  if (kinds.length === 0) return { kinds: [own] };
  const others = kinds.filter(({ group, kind }) => group !== own.group || kind !== own.kind);
  const found = others.length === kinds.length ? [] : [own];
  if (others.length === 0) return { kinds: found };
  const named = others.map(({ group, kind }) => `${group}/${kind}`).join(', ');
  const message = `allowedRoutes.kinds: ${named} cannot be served by protocol ${protocol}: name ${suited}`;
  return { kinds: found, unknown: { reason: 'InvalidRouteKinds', message } };
}

function certificatesOf(gateway: SlimGateway, { protocol, certificates }: GatewayListener, view: ListenerView) {
  if (protocol !== 'HTTPS') return { certificates: [], isPending: false };
  const found: { name: string; pem: string }[] = [];
  const problems: Problem[] = [];
  let isPending = false;
  for (const link of certificates) {
    const problem = unusable(gateway, link, view.grants);
    const content = problem === undefined ? view.secrets(nameOf(link)) : undefined;
    if (problem !== undefined) problems.push(problem);
    else if (content === undefined) isPending = true;
    else if (content.kind === 'certificate') found.push({ name: nameOf(link), pem: content.pem });
    else problems.push(invalid(nameOf(link), content));
  }
  if (certificates.length === 0) problems.push(invalid('', { kind: 'absent' }));
  return { certificates: found, isPending, ...(problems[0] === undefined ? {} : { problem: problems[0] }) };
}

function isUsable(gateway: SlimGateway, link: ObjectLink, grants: readonly SlimReferenceGrant[]): boolean {
  return unusable(gateway, link, grants) === undefined;
}

function unusable(
  { namespace }: SlimGateway,
  link: ObjectLink,
  grants: readonly SlimReferenceGrant[],
): Problem | undefined {
  if (link.group !== '' || link.kind !== 'Secret') {
    const message = `certificateRefs: ${link.group}/${link.kind} is no Secret, and nothing else holds certificates here`;
    return { reason: 'InvalidCertificateRef', message };
  }
  if (isGranted({ group: GATEWAY_GROUP, kind: 'Gateway', namespace }, link, grants)) return undefined;
  const message = `no ReferenceGrant in namespace "${link.namespace}" lets Gateways of namespace "${namespace}" use Secret "${link.name}"`;
  return { reason: 'RefNotPermitted', message };
}

function invalid(name: string, content: Exclude<SecretContent, { kind: 'certificate' }>): Problem {
  const what = content.kind === 'absent' ? 'does not exist' : content.why;
  const message =
    name === ''
      ? 'tls.certificateRefs: names no Secret, and a certificate is needed: name one'
      : `Secret "${name}" ${what}: it has to hold tls.crt and tls.key`;
  return { reason: 'InvalidCertificateRef', message };
}

function nameOf({ namespace, name }: ObjectLink): string {
  return `${namespace}/${name}`;
}
