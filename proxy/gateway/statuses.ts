/** The statuses of GatewayClasses, Gateways and routes, as the API wants them. Pure. */
import {
  type Condition,
  GATEWAY_CONTROLLER,
  type GatewayObject,
  requestedAddresses,
  type SlimGateway,
  type SlimGatewayClass,
} from '../../kubernetes/gateway.ts';
import type { SlimRoute } from '../../kubernetes/gateway-route.ts';
import { addressValue } from '../../runtime/addresses.ts';
import type { Problem } from '../model.ts';
import type { GatewayOutcome, ListenerOutcome, RouteOutcome } from './compile.ts';

/** A status without the times of its conditions, which whoever writes it adds. */
export type Status = Readonly<Record<string, unknown>>;

export function classStatus(object: SlimGatewayClass): Status {
  return { conditions: [condition(object, 'Accepted', { reason: 'Accepted', message: 'served by HAProxy' })] };
}

/** What a Gateway is told, with the addresses that its Service has been given. */
export function gatewayStatus({ gateway, listeners }: GatewayOutcome, addresses: readonly string[]): Status {
  const isValid = listeners.some(({ refused }) => refused === undefined);
  const invalid = listeners.filter(({ refused, unresolved }) => refused !== undefined || unresolved !== undefined);
  const names = invalid.map(({ listener }) => `"${listener.name}"`).join(', ');
  const foreign = gateway.addresses.find(({ type }) => type !== 'IPAddress');
  const said =
    invalid.length === 0
      ? { reason: 'Accepted', message: 'all listeners are valid' }
      : { reason: 'ListenersNotValid', message: `not all listeners are valid: see ${names}` };
  const accepted = foreign === undefined ? said : unsupportedAddress(foreign);
  return {
    addresses: addresses.map((value) => ({ type: 'IPAddress', value })),
    conditions: [
      condition(gateway, 'Accepted', accepted, isValid && foreign === undefined),
      programmed(
        gateway,
        listeners.some(({ isBound }) => isBound),
        addresses,
      ),
    ],
    listeners: listeners.map((state) => ({
      name: state.listener.name,
      supportedKinds: state.kinds,
      attachedRoutes: state.routes,
      conditions: listenerConditions(state, gateway),
    })),
  };
}

/** What a route is told: other controllers' parents stay as they are. */
export function routeStatus({ route, verdicts }: RouteOutcome): Status {
  const others = parentsOf(route).filter(({ controllerName }) => controllerName !== GATEWAY_CONTROLLER);
  const ours = verdicts.map(({ parent, refused, unresolved, instead }) => ({
    parentRef: parent,
    controllerName: GATEWAY_CONTROLLER,
    conditions: [
      condition(route, 'Accepted', refused ?? attached(instead), refused === undefined),
      condition(
        route,
        'ResolvedRefs',
        unresolved ?? { reason: 'ResolvedRefs', message: 'all back ends are there' },
        unresolved === undefined,
      ),
    ],
  }));
  return { parents: [...others, ...ours] };
}

function attached(instead: SlimRoute | undefined): Problem {
  if (instead === undefined) return { reason: 'Accepted', message: 'attached' };
  const older = `TCPRoute "${instead.namespace}/${instead.name}", which is older, has the port`;
  return { reason: 'Accepted', message: `attached, and not served: ${older}; name another listener in parentRefs` };
}

/** Whether a route's status still names us. */
export function namesUs(route: SlimRoute): boolean {
  return parentsOf(route).some(({ controllerName }) => controllerName === GATEWAY_CONTROLLER);
}

function parentsOf({ status }: SlimRoute): readonly { readonly controllerName?: string }[] {
  // The schema's shape.
  return ((status ?? {}) as { readonly parents?: readonly { readonly controllerName?: string }[] }).parents ?? [];
}

/** The listeners are served all the same, at addresses of a pool. */
function unsupportedAddress({ type, value }: SlimGateway['addresses'][number]): Problem {
  const message = `spec.addresses: "${value}" of type ${type} is not served: ask for an IPAddress, or for none`;
  return { reason: 'UnsupportedAddress', message };
}

function programmed(gateway: SlimGateway, isBound: boolean, addresses: readonly string[]): Condition {
  if (!isBound) {
    return condition(gateway, 'Programmed', { reason: 'Pending', message: 'no listener is served yet' }, false);
  }
  const given = addresses.map(addressValue);
  const missing = requestedAddresses(gateway).filter((address) => !given.includes(addressValue(address)));
  if (missing.length > 0) {
    const message = `spec.addresses: ${missing.join(', ')} cannot be had: ask for one address of a FloatingIPPool for its namespace, or for none`;
    return condition(gateway, 'Programmed', { reason: 'AddressNotUsable', message }, false);
  }
  if (addresses.length === 0) {
    const message = 'its Service has no address outside: is there a FloatingIPPool for it?';
    return condition(gateway, 'Programmed', { reason: 'AddressNotAssigned', message }, false);
  }
  return condition(gateway, 'Programmed', { reason: 'Programmed', message: `served at ${addresses.join(', ')}` });
}

function listenerConditions(
  { refused, unresolved, isBound, foreign }: ListenerOutcome,
  gateway: GatewayObject,
): readonly Condition[] {
  const conflict = refused?.reason.endsWith('Conflict') === true ? refused : undefined;
  const invalid = refused ?? unresolved;
  const waiting = foreign === undefined ? PENDING : unavailable(foreign);
  const why = invalid === undefined ? waiting : { reason: 'Invalid', message: invalid.message };
  return [
    condition(gateway, 'Accepted', refused ?? ACCEPTED, refused === undefined),
    condition(gateway, 'Conflicted', conflict ?? ALONE, conflict !== undefined),
    condition(gateway, 'ResolvedRefs', unresolved ?? RESOLVED, unresolved === undefined),
    condition(gateway, 'Programmed', isBound ? PROGRAMMED : why, isBound),
  ];
}

const ACCEPTED: Problem = { reason: 'Accepted', message: 'its protocol and port are served' };
const ALONE: Problem = { reason: 'NoConflicts', message: 'no other has its place' };
const RESOLVED: Problem = { reason: 'ResolvedRefs', message: 'all that it names is there' };
const PROGRAMMED: Problem = { reason: 'Programmed', message: 'HAProxy serves it' };
/** Another port is tried, one after the other. */
function unavailable(port: number): Problem {
  const message = `port ${port}, at which a proxy's node was to serve it, is another program's: the next free one is taken; keep others out of proxy.gatewayPorts`;
  return { reason: 'PortUnavailable', message };
}

const PENDING: Problem = { reason: 'Pending', message: 'is being set up' };

function condition(
  { generation }: GatewayObject,
  type: string,
  { reason, message }: Problem,
  isTrue = true,
): Condition {
  return { type, status: isTrue ? 'True' : 'False', reason, message, observedGeneration: generation };
}
