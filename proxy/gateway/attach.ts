/** Which routes are attached to which listeners, and why others are not. Pure. */
import { GATEWAY_GROUP, type GatewayListener, type SlimGateway } from '../../kubernetes/gateway.ts';
import type { ParentLink, SlimRoute } from '../../kubernetes/gateway-route.ts';
import { isSelected, type Labels } from '../../kubernetes/selector.ts';
import type { Problem } from '../model.ts';
import { commonHostnames } from './hostnames.ts';
import type { ListenerState } from './listeners.ts';

/** A route at a listener, for these hosts; one empty host stands for any. */
export interface Attachment {
  readonly route: SlimRoute;
  readonly state: ListenerState;
  readonly hostnames: readonly string[];
}

/** What became of one parent that a route names. */
export interface ParentVerdict {
  readonly parent: ParentLink;
  readonly attachments: readonly Attachment[];
  /** Why there are no attachments. */
  readonly refused?: Problem;
}

/** A Gateway with its listeners, and the labels of namespaces. */
export interface AttachView {
  readonly gateway: SlimGateway;
  readonly states: readonly ListenerState[];
  readonly labelsOf: (namespace: string) => Labels;
}

/** Whether a parent is this Gateway. */
export function isParent({ group, kind, namespace, name }: ParentLink, gateway: SlimGateway): boolean {
  return group === GATEWAY_GROUP && kind === 'Gateway' && namespace === gateway.namespace && name === gateway.name;
}

/** Attaches a route where one of its parents, which is this Gateway, asks for. */
export function attach(route: SlimRoute, parent: ParentLink, view: AttachView): ParentVerdict {
  const named = view.states.filter(({ listener }) => isNamed(parent, listener));
  if (named.length === 0) return refusal(parent, 'NoMatchingParent', `has no listener ${placeOf(parent)}`);
  const allowing = named.filter((state) => isAllowed(route, state, view));
  if (allowing.length === 0) return refusal(parent, 'NotAllowedByListeners', whyNotAllowed(route, named));
  const attachments = allowing.flatMap((state) => {
    const hostnames = route.kind === 'TCPRoute' ? [''] : commonHostnames(state.listener.hostname, route.hostnames);
    return hostnames.length === 0 ? [] : [{ route, state, hostnames }];
  });
  if (attachments.length > 0) return { parent, attachments };
  return refusal(parent, 'NoMatchingListenerHostname', `has no listener for ${route.hostnames.join(', ')}`);
}

function isNamed({ sectionName, port }: ParentLink, listener: GatewayListener): boolean {
  return (sectionName ?? listener.name) === listener.name && (port ?? listener.port) === listener.port;
}

/** Where all of the listeners are refused themselves, nobody looks for the fault in what they admit. */
function whyNotAllowed({ kind, namespace }: SlimRoute, named: readonly ListenerState[]): string {
  const [first] = named;
  if (first?.refused === undefined || named.some(({ refused }) => refused === undefined)) {
    return `admits no ${kind} of namespace "${namespace}"`;
  }
  return `serves no listener that is asked for: listener "${first.listener.name}": ${first.refused.message}`;
}

function isAllowed(
  route: SlimRoute,
  { listener: { from, selector }, kinds, refused }: ListenerState,
  { gateway, labelsOf }: AttachView,
): boolean {
  if (refused !== undefined || !kinds.some(({ kind }) => kind === route.kind)) return false;
  if (from === 'All') return true;
  if (from === 'Selector') return isSelected(labelsOf(route.namespace), selector);
  return from === 'Same' && route.namespace === gateway.namespace;
}

function placeOf({ sectionName, port }: ParentLink): string {
  const [name, at] = [sectionName && `"${sectionName}"`, port && `with port ${port}`];
  return [name, at].filter((text) => text !== undefined).join(' ') || 'at all';
}

function refusal(parent: ParentLink, reason: string, why: string): ParentVerdict {
  const message = `Gateway "${parent.namespace}/${parent.name}" ${why}`;
  return { parent, attachments: [], refused: { reason, message } };
}
