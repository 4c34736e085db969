/** A pod as Contrail is to have it: which networks, and which addresses it holds already. Pure. */
import type { PodInterfaceInput } from '../../contrail/desired/pod.ts';
import { ANNOTATION } from '../../kubernetes/annotations.ts';
import {
  type AssignmentContext,
  assignmentForPod,
  formatAssignment,
  isSamePodAssignment,
  type PodAssignment,
  parsePodAssignment,
} from '../../kubernetes/assignment.ts';
import { type AttachmentContext, interfaceRequests } from '../../kubernetes/attachments.ts';
import type { NetworkUse } from '../../kubernetes/custom-network.ts';
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
  readonly interfaces: readonly PodInterface[];
  /** Networks of other namespaces that a pod without ports names: its service account must be allowed to. */
  readonly uses: readonly NetworkUse[];
  readonly results: PodResults;
}

/** An interface as its port is to be; the server's choices are not yet in it. */
export interface PodInterface extends Omit<PodInterfaceInput, 'families'> {
  /** Whether it has its addresses already: then no other is chosen for it. */
  readonly isAllocated: boolean;
  /** The definition of a further interface, `namespace/name`. */
  readonly attachment?: string | undefined;
  readonly defaultRoute: boolean;
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
    definitionOf,
  }: {
    readonly pod: SlimPod;
    readonly namespace: SlimNamespace;
    readonly nodeUid?: string | undefined;
    readonly definitionOf?: AttachmentContext['definitionOf'];
  },
  settings: ClusterSettings,
): PodSubject {
  const { annotations } = pod;
  const ports = portsOfPod(annotations[ANNOTATION.ports], pod.uid);
  const context = { ...contextOf(settings), definitionOf };
  const decision = ports === undefined ? decidedFor(pod, namespace, context) : undefined;
  const assignment = decision?.assignment;
  return {
    namespace: pod.namespace,
    name: pod.name,
    uid: pod.uid,
    node: pod.nodeName ?? '',
    nodeUid,
    labels: pod.labels,
    uses: decision?.uses ?? [],
    interfaces: ports === undefined ? interfacesToAllocate(assignment, annotations) : interfacesOf(ports),
    results: {
      assignment: assignment === undefined ? annotations[ANNOTATION.assignment] : formatAssignment(assignment),
      ports: annotations[ANNOTATION.ports],
      networkStatus: annotations[ANNOTATION.networkStatus],
    },
  };
}

/** The interfaces of a pod that has ports: the same addresses and MACs again. */
export function interfacesOf({ interfaces }: PodPorts): readonly PodInterface[] {
  const holder = interfaces.find(({ defaultRoute }) => defaultRoute === true) ?? interfaces[0];
  return interfaces.map((port) => ({
    name: port.name,
    network: port.network.split(':'),
    label: labelOf(port.attachment),
    mac: port.mac,
    addresses: port.ips.map(withoutLength),
    isAllocated: true,
    attachment: port.attachment,
    defaultRoute: port === holder,
  }));
}

function withoutLength(ip: string): string {
  return ip.split('/')[0] ?? ip;
}

function interfacesToAllocate(
  assignment: PodAssignment | undefined,
  annotations: Readonly<Record<string, string>>,
): readonly PodInterface[] {
  const requests = interfaceRequests(annotations);
  return (assignment?.interfaces ?? []).map(({ name, network, attachment }) => {
    const { ips = [], mac, defaultRoute = false } = requests.get(name) ?? {};
    return {
      name,
      network: network.split(':'),
      label: labelOf(attachment),
      addresses: ips.map(withoutLength),
      isAllocated: false,
      attachment,
      defaultRoute,
      ...(mac === undefined ? {} : { mac }),
    };
  });
}

/** Contrail's name of an interface's network: `default` for the first, else the definition's (facts 1.0). */
function labelOf(attachment: string | undefined): string {
  return attachment === undefined ? 'default' : (attachment.split('/').at(-1) ?? attachment);
}

interface Decision {
  readonly assignment: PodAssignment;
  readonly uses: readonly NetworkUse[];
}

/** The decision of admission, recomputed: what stands on the pod must agree with it (design 5.1). */
function decidedFor(pod: SlimPod, namespace: SlimNamespace, context: AssignmentContext): Decision {
  const verdict = assignmentForPod(pod, namespace, context);
  if (verdict.kind === 'refused') {
    throw new TerminalError('AssignmentRefused', verdict.problems.map(problemText).join('; '));
  }
  const text = pod.annotations[ANNOTATION.assignment];
  const { assignment, uses } = verdict;
  if (text === undefined) return { assignment, uses };
  const given = parsePodAssignment(text);
  if (given !== undefined && isSamePodAssignment(given, assignment)) return { assignment: given, uses };
  throw new TerminalError(
    'AssignmentMismatch',
    `annotation ${ANNOTATION.assignment}: ${JSON.stringify(text)} is not what admission decides, ` +
      `which is ${formatAssignment(verdict.assignment)}; re-create the pod without this annotation`,
  );
}
