/** Which keys a change in Kubernetes concerns. Pure. */
import { isDeepStrictEqual } from 'node:util';
import { ANNOTATION } from '../kubernetes/annotations.ts';
import type { Change } from '../kubernetes/cache.ts';
import type { SlimAttachmentDefinition } from '../kubernetes/attachment-definition.ts';
import type { SlimVirtualNetwork } from '../kubernetes/virtual-network.ts';
import type { SlimEndpointSlice, SlimNamespace, SlimNode, SlimPod, SlimService } from '../kubernetes/objects.ts';
import { portsOfPod } from '../kubernetes/ports.ts';
import { isWantedPod } from './desired/pod.ts';
import { attachmentKey, namespaceKey, nodeKey, podKey, serviceKey, virtualNetworkKey } from './keys.ts';

/** A change of one of the watched kinds. */
export type SourceChange =
  | { readonly source: 'Namespace'; readonly change: Change<SlimNamespace> }
  | { readonly source: 'NetworkAttachmentDefinition'; readonly change: Change<SlimAttachmentDefinition> }
  | { readonly source: 'Pod'; readonly change: Change<SlimPod> }
  | { readonly source: 'Node'; readonly change: Change<SlimNode> }
  | { readonly source: 'VirtualNetwork'; readonly change: Change<SlimVirtualNetwork> }
  | { readonly source: 'Service'; readonly change: Change<SlimService> }
  | { readonly source: 'EndpointSlice'; readonly change: Change<SlimEndpointSlice> };

/** What the function must know besides the change. */
export interface RelatedView {
  /** Names of the services of a namespace. */
  readonly servicesOf: (namespace: string) => readonly string[];
  /** Keys of the pods of a namespace, and of those bound to a node. */
  readonly podsIn: (namespace: string) => readonly string[];
  readonly podsOn: (node: string) => readonly string[];
  /** The networks of a pod that are of users' own. */
  readonly networksOf: (pod: SlimPod) => readonly string[];
  /** Keys of what hangs on such a network. */
  readonly attachmentsOf: (network: string) => readonly string[];
  /** Keys of the apps of a namespace that have networks of their own. */
  readonly appsIn: (namespace: string) => readonly string[];
  /** Whether a namespace has pods in another network than new ones would be in. */
  readonly hasOutdated: (namespace: string) => boolean;
}

/** The keys to run after a change, each once. */
export function relatedKeys({ source, change }: SourceChange, view: RelatedView): readonly string[] {
  switch (source) {
    case 'Namespace':
      return namespaceKeys(change, view);
    case 'NetworkAttachmentDefinition':
      return definitionKeys(change, view);
    case 'Pod':
      return [...ownKey(change), ...keysOfPlaces(change, view)];
    case 'Node':
      return nodeKeys(change, view);
    case 'VirtualNetwork':
      return [virtualNetworkKey(change.object.namespace, change.object.name)];
    case 'Service':
      return [serviceKey(change.object.namespace, change.object.name), ...view.appsIn(change.object.namespace)];
    case 'EndpointSlice':
      return sliceKeys(change);
  }
}

/**
 * A namespace that is isolated, or no longer, moves the addresses of its services to another network, and its pods that
 * have no port yet may now be what admission decides.
 */
function namespaceKeys(change: Change<SlimNamespace>, view: RelatedView): readonly string[] {
  const { name, annotations } = change.object;
  const before = change.kind === 'put' ? change.previous?.annotations : undefined;
  const moved = before !== undefined && JSON.stringify(before) !== JSON.stringify(annotations);
  if (!moved) return [namespaceKey(name)];
  const services = view.servicesOf(name).map((service) => serviceKey(name, service));
  return [namespaceKey(name), ...services, ...view.appsIn(name), ...view.podsIn(name)];
}

/** Pods of its namespace may have waited for a definition that appears. */
function definitionKeys(change: Change<SlimAttachmentDefinition>, view: RelatedView): readonly string[] {
  const { namespace, name } = change.object;
  return [attachmentKey(namespace, name), ...(change.kind === 'put' ? view.podsIn(namespace) : [])];
}

/** A node that appears, perhaps again under its name, has a new router, which its pods must join. */
function nodeKeys(change: Change<SlimNode>, view: RelatedView): readonly string[] {
  const { name } = change.object;
  const isNew = change.kind === 'put' && change.previous === undefined;
  return [nodeKey(name), ...(isNew ? view.podsOn(name) : [])];
}

/**
 * A pod concerns us from its binding to a node on; its disappearance always does. Of its changes, those do not count that
 * nothing follows from: its phase on the way to Running, and the results that we have just written ourselves.
 */
function concernsPod(change: Change<SlimPod>): boolean {
  if (change.kind === 'delete') return true;
  const { object, previous } = change;
  if (object.nodeName === undefined) return false;
  if (previous === undefined) return true;
  // The first ports that carry the pod's UID can only be ours; any other change of results is looked at.
  const ignored = !holdsPorts(previous) && holdsPorts(object) ? RESULTS : [];
  return !isDeepStrictEqual(essence(object, ignored), essence(previous, ignored));
}

function holdsPorts({ annotations, uid }: SlimPod): boolean {
  return portsOfPod(annotations[ANNOTATION.ports], uid) !== undefined;
}

function essence(pod: SlimPod, ignored: readonly string[]): unknown {
  const { uid, nodeName, labels, annotations } = pod;
  const counted = Object.entries(annotations).filter(([key]) => !ignored.includes(key));
  return { uid, nodeName, labels, annotations: Object.fromEntries(counted), wanted: isWantedPod(pod) };
}

const RESULTS: readonly string[] = [ANNOTATION.assignment, ANNOTATION.ports, ANNOTATION.networkStatus];

function ownKey(change: Change<SlimPod>): readonly string[] {
  return concernsPod(change) ? [podKey(change.object.namespace, change.object.name)] : [];
}

/** A pod that enters or leaves a network of a user's own changes what is attached to it; one of an outdated lot, the lot. */
function keysOfPlaces(change: Change<SlimPod>, view: RelatedView): readonly string[] {
  const { object } = change;
  const now = change.kind === 'put' ? view.networksOf(object) : [];
  const previous = change.kind === 'put' ? change.previous : object;
  const before = previous === undefined ? [] : view.networksOf(previous);
  const [had, has] = [new Set(before), new Set(now)];
  const moved = [...before.filter((network) => !has.has(network)), ...now.filter((network) => !had.has(network))];
  const places = moved.flatMap(view.attachmentsOf);
  return [...places, ...(view.hasOutdated(object.namespace) ? [namespaceKey(object.namespace)] : [])];
}

/** A slice may be handed from one Service to another. */
function sliceKeys(change: Change<SlimEndpointSlice>): readonly string[] {
  const { namespace, service } = change.object;
  const before = change.kind === 'put' ? change.previous?.service : undefined;
  const services = new Set([service, before].filter((name) => name !== undefined));
  return [...services].map((name) => serviceKey(namespace, name));
}
