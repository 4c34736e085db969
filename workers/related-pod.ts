/** Which keys a change of a pod concerns. Pure. */
import { isDeepStrictEqual } from 'node:util';
import { ANNOTATION } from '../kubernetes/annotations.ts';
import { appOf } from '../kubernetes/assignment.ts';
import type { Change } from '../kubernetes/cache.ts';
import type { Holder } from '../kubernetes/floating-ip.ts';
import type { SlimPod } from '../kubernetes/objects.ts';
import { portsOfPod } from '../kubernetes/ports.ts';
import { chainKeysOfPod, type ChainRelations } from './chain-relations.ts';
import { isWantedPod } from './desired/pod.ts';
import { appKey, namespaceKey, podKey } from './keys.ts';

/** What must be known besides the change. */
export interface PodRelations extends ChainRelations {
  /** Keys of the pods, the connections and the policies whose traffic is copied to a pod. */
  readonly mirroredTo: (pod: SlimPod) => readonly string[];
  /** The networks of a pod that are of users' own. */
  readonly networksOf: (pod: SlimPod) => readonly string[];
  /** Keys of what hangs on such a network. */
  readonly attachmentsOf: (network: string) => readonly string[];
  /** Keys of the policies whose rules depend on the numbers of a pod's named ports. */
  readonly policyKeysNaming: (pod: SlimPod) => readonly string[];
  /** Keys of the policies whose rules depend on a pod's addresses. */
  readonly policyKeysPlacing: (pod: SlimPod) => readonly string[];
  /** Keys of the floating IPs that a pod or a Service holds. */
  readonly floatingIpsFor: (holder: Holder) => readonly string[];
  /** Keys of the labels of a pod and of its namespace that nobody carries any more. */
  readonly labelsLeftBy: (pod: Pick<SlimPod, 'namespace' | 'labels'>) => readonly string[];
  /** Whether a namespace has pods in another network than new ones would be in. */
  readonly hasOutdated: (namespace: string) => boolean;
}

/** The pod's own key, and those of what depends on its labels, its addresses and its life. */
export function keysOfPod(change: Change<SlimPod>, view: PodRelations): readonly string[] {
  return [
    ...podKeys(change, view),
    ...keysOfPlaces(change, view),
    ...floatingIpsOfPod(change, view),
    ...chainKeysOfPod(change, view),
    ...(hasMoved(change) ? view.mirroredTo(change.object) : []),
    ...labelsLeft(change, view),
  ];
}

/**
 * Asked of each change in the caches, not of the pod's run: of two replicas that each run one of the last two pods, neither need have
 * seen yet that the other one is gone.
 */
function labelsLeft(change: Change<SlimPod>, view: PodRelations): readonly string[] {
  const before = change.kind === 'put' ? change.previous : change.object;
  const isLeft = change.kind === 'delete' || !isDeepStrictEqual(before?.labels, change.object.labels);
  return before !== undefined && isLeft ? view.labelsLeftBy(before) : [];
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

/** Policies first: a pod waits for the groups that they make for it. */
function podKeys(change: Change<SlimPod>, view: PodRelations): readonly string[] {
  const { object } = change;
  if (!concernsPod(change)) return hasMoved(change) ? view.policyKeysPlacing(object) : [];
  return [...view.policyKeysNaming(object), podKey(object.namespace, object.name)];
}

/** Whether a pod has been given its ports, or others, or is gone. */
function hasMoved(change: Change<SlimPod>): boolean {
  if (change.kind === 'delete') return true;
  const [now, before] = [change.object, change.previous];
  return before?.annotations[ANNOTATION.ports] !== now.annotations[ANNOTATION.ports];
}

/**
 * A pod that enters or leaves a network of a user's own changes what is attached to it, as does another list of Services, which an app's
 * pods share; one of an outdated lot changes the lot.
 */
function keysOfPlaces(change: Change<SlimPod>, view: PodRelations): readonly string[] {
  const { object } = change;
  const now = change.kind === 'put' ? view.networksOf(object) : [];
  const previous = change.kind === 'put' ? change.previous : object;
  const before = previous === undefined ? [] : view.networksOf(previous);
  const [had, has] = [new Set(before), new Set(now)];
  const lists = previous !== undefined && listOf(previous) !== listOf(object);
  const moved = [...before.filter((network) => !has.has(network)), ...now.filter((each) => lists || !had.has(each))];
  const places = moved.flatMap(view.attachmentsOf);
  return [
    ...places,
    ...unassignedApp(change),
    ...(view.hasOutdated(object.namespace) ? [namespaceKey(object.namespace)] : []),
  ];
}

/** An app's network may have been made for a pod that went before it was in it. */
function unassignedApp({ kind, object }: Change<SlimPod>): readonly string[] {
  const app = appOf(object);
  const isUnassigned = kind === 'delete' && object.annotations[ANNOTATION.assignment] === undefined;
  return isUnassigned && app !== undefined ? [appKey(object.namespace, app)] : [];
}

const listOf = ({ annotations, labels }: SlimPod): string | undefined =>
  annotations[ANNOTATION.services] ?? labels[ANNOTATION.services];

/** Floating IPs of a pod that gets its ports or goes, or is meant by others than before. */
function floatingIpsOfPod(change: Change<SlimPod>, view: PodRelations): readonly string[] {
  const { object } = change;
  const before = change.kind === 'put' ? change.previous : undefined;
  if (before !== undefined && isDeepStrictEqual(holding(before), holding(object))) return [];
  const both = before === undefined ? [object] : [before, object];
  return [...new Set(both.flatMap((pod) => view.floatingIpsFor({ kind: 'Pod', ...pod })))];
}

function holding(pod: SlimPod): unknown {
  return { uid: pod.uid, labels: pod.labels, has: holdsPorts(pod), wanted: isWantedPod(pod) };
}
