/** A pod as Contrail is to have it: which networks, and which addresses it holds already. Pure. */
import type { PodInterfaceInput } from '../../contrail/desired/pod.ts';
import type { TagInput } from '../../contrail/desired/tag.ts';
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
import type { SlimNetworkPolicy } from '../../kubernetes/network-policy.ts';
import type { SlimClusterPolicy } from '../../kubernetes/cluster-network-policy.ts';
import type { NetworkUse } from '../../kubernetes/custom-network.ts';
import type { SlimNamespace, SlimPod } from '../../kubernetes/objects.ts';
import { isSticky } from '../../kubernetes/stateful-set.ts';
import { isProbeAddress } from '../../kubernetes/probe-address.ts';
import { parseRanges } from '../../kubernetes/ranges.ts';
import type { AddressRange } from '../../kubernetes/virtual-network.ts';
import { FIRST_INTERFACE, type PodPort, type PodPorts, portsOfPod } from '../../kubernetes/ports.ts';
import { problemText } from '../../kubernetes/problems.ts';
import type { SlimServiceChain } from '../../kubernetes/service-chain.ts';
import { TerminalError } from '../../runtime/errors.ts';
import type { ClusterSettings } from '../cluster-settings.ts';
import { type CarriedTag, clusterPolicyTags } from '../cluster-policy-parts.ts';
import { labelTags } from '../label-tags.ts';
import { type Mirroring, mirroringOf } from '../mirrors.ts';
import { type Membership, openGroups, type Placed, policyMemberships } from '../policy-membership.ts';
import { contextOf } from './namespace.ts';
import { servicesOf, type WorkedService } from './worked-service.ts';
import { withoutLength } from '../../runtime/cidr.ts';

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
  /** The security groups of every interface, and the keys that make those of policies. */
  readonly groups: readonly string[];
  readonly memberships: readonly Membership[];
  /** The tags of every interface, and the keys that make them. */
  readonly tags: readonly CarriedTag[];
  /** The tags that its labels stand for. */
  readonly labelTags: readonly TagInput[];
  /** Networks of other namespaces that a pod without ports names: its service account must be allowed to. */
  readonly uses: readonly NetworkUse[];
  readonly results: PodResults;
  /** Where its first interface's addresses come from, if it or its namespace has said so. */
  readonly pool?: readonly AddressRange[] | undefined;
  /** Where its node probes it, if admission has said so. */
  readonly probeAddress?: string | undefined;
  /** Whether its addresses are kept for its successor. */
  readonly isSticky: boolean;
  /** The services of chains that it works for, while it is Ready; absent where it works for none. */
  readonly services?: readonly WorkedService[];
  /** Whom its traffic is copied to, if it asks for that. */
  readonly mirroring?: Mirroring | undefined;
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
    policies,
    clusterPolicies,
    chains = [],
    analyzer,
  }: {
    readonly pod: SlimPod;
    readonly namespace: SlimNamespace;
    readonly nodeUid?: string | undefined;
    readonly definitionOf?: AttachmentContext['definitionOf'];
    readonly policies?: readonly SlimNetworkPolicy[];
    readonly clusterPolicies?: readonly SlimClusterPolicy[];
    readonly chains?: readonly SlimServiceChain[];
    /** The pod that its annotation names as its analyzer. */
    readonly analyzer?: SlimPod | undefined;
  },
  settings: ClusterSettings,
): PodSubject {
  const { annotations } = pod;
  const ports = portsOfPod(annotations[ANNOTATION.ports], pod.uid);
  const chainOf = (name: string): SlimServiceChain | undefined => chains.find((chain) => chain.name === name);
  const context = { ...contextOf(settings), definitionOf, chainOf };
  const decision = ports === undefined ? decidedFor(pod, namespace, context) : undefined;
  const assignment = decision?.assignment;
  return {
    namespace: pod.namespace,
    name: pod.name,
    uid: pod.uid,
    node: pod.nodeName ?? '',
    nodeUid,
    labels: pod.labels,
    isSticky: isSticky(pod),
    pool: ports === undefined ? poolFor(pod, namespace) : undefined,
    probeAddress: probeAddressIn(annotations[ANNOTATION.probeAddress]),
    uses: decision?.uses ?? [],
    ...servicesOf(pod, chains, settings),
    mirroring: mirroringOf(pod, analyzer, settings.names),
    ...policyParts({ pod, namespaceLabels: namespace.labels }, { policies, clusterPolicies }, settings),
    interfaces: ports === undefined ? interfacesToAllocate(assignment, annotations) : interfacesOf(ports),
    results: {
      assignment: assignment === undefined ? annotations[ANNOTATION.assignment] : formatAssignment(assignment),
      ports: annotations[ANNOTATION.ports],
      networkStatus: annotations[ANNOTATION.networkStatus],
    },
  };
}

/** What cannot be read has been refused at admission; a namespace's is its pods' affair. */
function poolFor(pod: SlimPod, namespace: SlimNamespace): readonly AddressRange[] | undefined {
  const text = pod.annotations[ANNOTATION.pool] ?? namespace.annotations[ANNOTATION.pool];
  const parsed = text === undefined ? undefined : parseRanges(text);
  return parsed?.ok === true ? parsed.value : undefined;
}

function probeAddressIn(text: string | undefined): string | undefined {
  return text !== undefined && isProbeAddress(text) ? text : undefined;
}

function policyParts(
  placed: Placed,
  {
    policies = [],
    clusterPolicies = [],
  }: {
    readonly policies: readonly SlimNetworkPolicy[] | undefined;
    readonly clusterPolicies: readonly SlimClusterPolicy[] | undefined;
  },
  { names }: ClusterSettings,
): Pick<PodSubject, 'groups' | 'memberships' | 'tags' | 'labelTags'> {
  const memberships = policyMemberships(placed, policies, names);
  const open = openGroups(placed, policies, names).map((group) => group.join(':'));
  return {
    memberships,
    groups: [...open, ...memberships.map(({ group }) => group)],
    tags: clusterPolicyTags(placed, clusterPolicies),
    labelTags: labelTags(placed),
  };
}

/** The interfaces of a pod that has ports: the same addresses and MACs again. */
export function interfacesOf({ interfaces }: PodPorts): readonly PodInterface[] {
  const holder = interfaces.find(({ defaultRoute }) => defaultRoute === true) ?? interfaces[0];
  return interfaces.map((port) => ({
    name: port.name,
    network: port.network.split(':'),
    label: labelOf(port),
    mac: port.mac,
    addresses: port.ips.map(withoutLength),
    isAllocated: true,
    attachment: port.attachment,
    defaultRoute: port === holder,
  }));
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
      label: labelOf({ name, network, attachment }),
      addresses: ips.map(withoutLength),
      isAllocated: false,
      attachment,
      defaultRoute,
      ...(mac === undefined ? {} : { mac }),
    };
  });
}

/** Contrail's name of an interface's network: `default` for the first, else the definition's (facts 1.0), or its own. */
function labelOf({ name, network, attachment }: Pick<PodPort, 'name' | 'network' | 'attachment'>): string {
  return name === FIRST_INTERFACE ? 'default' : ((attachment?.split('/') ?? network.split(':')).at(-1) ?? '');
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
