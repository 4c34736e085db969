/** A pod as Contrail is to have it: which networks, and which addresses it holds already. Pure. */
import type { PodInterfaceInput } from '../../contrail/desired/pod.ts';
import { ANNOTATION } from '../../kubernetes/annotations.ts';
import {
  assignmentForPod,
  formatAssignment,
  isSamePodAssignment,
  type PodAssignment,
  parsePodAssignment,
} from '../../kubernetes/assignment.ts';
import type { SlimNamespace, SlimPod } from '../../kubernetes/objects.ts';
import { type PodPorts, portsOfPod } from '../../kubernetes/ports.ts';
import { problemText } from '../../kubernetes/problems.ts';
import { TerminalError } from '../../runtime/errors.ts';
import type { ClusterSettings } from '../cluster-settings.ts';
import { contextOf } from './namespace.ts';

/** All that Kubernetes says of a pod which concerns Contrail, and the results that stand on it. */
export interface PodSubject {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly node: string;
  /** A node that was registered anew has a new router, which the pod must join. */
  readonly nodeUid: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly interfaces: readonly PodInterfaceInput[];
  readonly results: PodResults;
}

/** Result annotations as texts; absent where they do not stand. */
export interface PodResults {
  readonly assignment?: string | undefined;
  readonly ports?: string | undefined;
  readonly networkStatus?: string | undefined;
}

/** Whether a pod has, or is to have, a port: it is bound to a node and has not run to its end. */
export function isWantedPod({ nodeName, phase }: SlimPod): boolean {
  return nodeName !== undefined && phase !== 'Succeeded' && phase !== 'Failed';
}

/**
 * What to make of a pod. One that holds ports keeps them, whatever its namespace says by now, until it is re-created;
 * another gets what admission decides. `results.assignment` is what is to stand there: set by us where the webhook was away.
 * Throws a `TerminalError` where the pod asks for what cannot be, or claims what was not decided.
 */
export function podSubject(
  {
    pod,
    namespace,
    nodeUid,
  }: { readonly pod: SlimPod; readonly namespace: SlimNamespace; readonly nodeUid?: string | undefined },
  settings: ClusterSettings,
): PodSubject {
  const { annotations } = pod;
  const ports = portsOfPod(annotations[ANNOTATION.ports], pod.uid);
  const assignment = ports === undefined ? decidedFor(pod, namespace, settings) : undefined;
  return {
    namespace: pod.namespace,
    name: pod.name,
    uid: pod.uid,
    node: pod.nodeName ?? '',
    nodeUid,
    labels: pod.labels,
    interfaces: ports === undefined ? interfacesToAllocate(assignment) : interfacesOf(ports),
    results: {
      assignment: assignment === undefined ? annotations[ANNOTATION.assignment] : formatAssignment(assignment),
      ports: annotations[ANNOTATION.ports],
      networkStatus: annotations[ANNOTATION.networkStatus],
    },
  };
}

/** The interfaces of a pod that has ports: the same addresses and MACs again. */
export function interfacesOf({ interfaces }: PodPorts): readonly PodInterfaceInput[] {
  return interfaces.map(({ name, network, mac, ips }, index) => ({
    name,
    network: network.split(':'),
    label: labelOf(index, name),
    mac,
    addresses: ips.map((ip) => ip.split('/')[0] ?? ip),
  }));
}

function interfacesToAllocate(assignment: PodAssignment | undefined): readonly PodInterfaceInput[] {
  return (assignment?.interfaces ?? []).map(({ name, network }, index) => ({
    name,
    network: network.split(':'),
    label: labelOf(index, name),
    addresses: [],
  }));
}

/** Contrail's name of an interface's network: `default` for the first (facts 1.0). */
function labelOf(index: number, name: string): string {
  return index === 0 ? 'default' : name;
}

/** The decision of admission, recomputed: what stands on the pod must agree with it (design 5.1). */
function decidedFor(pod: SlimPod, namespace: SlimNamespace, settings: ClusterSettings): PodAssignment {
  const verdict = assignmentForPod(pod, namespace, contextOf(settings));
  if (verdict.kind === 'refused') {
    throw new TerminalError('AssignmentRefused', verdict.problems.map(problemText).join('; '));
  }
  const text = pod.annotations[ANNOTATION.assignment];
  if (text === undefined) return verdict.assignment;
  const given = parsePodAssignment(text);
  if (given !== undefined && isSamePodAssignment(given, verdict.assignment)) return given;
  throw new TerminalError(
    'AssignmentMismatch',
    `annotation ${ANNOTATION.assignment}: ${JSON.stringify(text)} is not what admission decides, ` +
      `which is ${formatAssignment(verdict.assignment)}; re-create the pod without this annotation`,
  );
}
