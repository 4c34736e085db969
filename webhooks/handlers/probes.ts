/** The kubelet's probes of a pod whose network's addresses may occur elsewhere: where they go to. Pure. */
import { ANNOTATION } from '../../kubernetes/annotations.ts';
import type { PodAssignment } from '../../kubernetes/assignment.ts';
import type { SlimNamespace } from '../../kubernetes/objects.ts';
import { isProbeAddressOf, isProbeAddress, probeAddress } from '../../kubernetes/probe-address.ts';
import type { PatchOperation } from '../patch.ts';
import { type AdmissionRequest, annotationsOf } from '../review.ts';
import type { ClusterView } from './handler.ts';

export interface ProbePlan {
  /** The value of the annotation; `undefined` where nothing is probed by an address of ours. */
  readonly address: string | undefined;
  readonly operations: readonly PatchOperation[];
}

const ENFORCE = 'pod-security.kubernetes.io/enforce';
/** The first version of the Pod Security levels `baseline` and `restricted` that forbids a probe's host. */
const FORBIDDEN_SINCE = 34;

/** What a user is told where Pod Security is about to refuse the pod for a host that he has not written. */
export function probeWarnings({ address }: ProbePlan, { labels }: Pick<SlimNamespace, 'labels'>): readonly string[] {
  const level = labels[ENFORCE] ?? '';
  const minor = /^v1\.(\d+)$/.exec(labels[`${ENFORCE}-version`] ?? '')?.[1];
  const isAllowed = minor !== undefined && Number(minor) < FORBIDDEN_SINCE;
  if (address === undefined || isAllowed || !['baseline', 'restricted'].includes(level)) return [];
  return [
    `OpenContrail gave this pod's probes the host ${address}, which Pod Security ${level} forbids from v1.${FORBIDDEN_SINCE} on: ` +
      `use exec probes, or label the namespace ${ENFORCE}-version=v1.${FORBIDDEN_SINCE - 1}`,
  ];
}

/** Nothing is probed by an address of ours. */
export const NO_PROBES: ProbePlan = { address: undefined, operations: [] };

/**
 * Gives HTTP and TCP probes, and HTTP hooks, of a pod in a network of a user's own the pod's address for probes as their host,
 * unless they name one. What stands there from an earlier call is kept.
 */
export function planProbes(
  request: AdmissionRequest,
  assignment: PodAssignment,
  view: Pick<ClusterView, 'podCidrs' | 'subnetsOf'>,
): ProbePlan {
  if (assignment.mode !== 'custom') return NO_PROBES;
  const handlers = handlersOf(request.object?.spec).filter(({ host }) => host === '' || isProbeAddress(host));
  if (handlers.length === 0) return NO_PROBES;
  const address = addressFor(request, probeFamily(assignment, view));
  return {
    address,
    operations: handlers
      .filter(({ host }) => host !== address)
      .map(({ pointer }) => ({ op: 'add', path: `${pointer}/host`, value: address })),
  };
}

function addressFor({ uid, namespace, object }: AdmissionRequest, family: 'v4' | 'v6'): string {
  const { name, generateName } = object?.metadata ?? {};
  const pod = `${namespace}/${name || generateName || ''}`;
  const given = annotationsOf(object)[ANNOTATION.probeAddress];
  return given !== undefined && isProbeAddressOf(given, pod) ? given : probeAddress(uid, pod, family);
}

/** The cluster's first family, which every node has, unless the network is known to have the other alone. */
function probeFamily(
  { interfaces }: PodAssignment,
  { podCidrs, subnetsOf }: Pick<ClusterView, 'podCidrs' | 'subnetsOf'>,
): 'v4' | 'v6' {
  const first = familyOf(podCidrs[0] ?? '');
  const own = (subnetsOf?.(interfaces[0]?.network ?? '') ?? []).map(familyOf);
  return own.includes(first) ? first : (own[0] ?? first);
}

function familyOf(cidr: string): 'v4' | 'v6' {
  return cidr.includes(':') ? 'v6' : 'v4';
}

interface Handler {
  /** A JSON pointer to its `httpGet` or `tcpSocket`. */
  readonly pointer: string;
  readonly host: string;
}

const PROBES = ['livenessProbe', 'readinessProbe', 'startupProbe'];
const HOOKS = ['postStart', 'preStop'];
const ACTIONS = ['httpGet', 'tcpSocket'];

function handlersOf(spec: unknown): readonly Handler[] {
  return ['containers', 'initContainers'].flatMap((list) => {
    const containers = member(spec, list);
    if (!Array.isArray(containers)) return [];
    return containers.flatMap((container: unknown, index) => [
      ...PROBES.flatMap((probe) => actionsOf(member(container, probe), `/spec/${list}/${index}/${probe}`)),
      ...HOOKS.flatMap((hook) =>
        actionsOf(member(member(container, 'lifecycle'), hook), `/spec/${list}/${index}/lifecycle/${hook}`),
      ),
    ]);
  });
}

function actionsOf(handler: unknown, pointer: string): readonly Handler[] {
  return ACTIONS.flatMap((action) => {
    const found = member(handler, action);
    if (found === undefined || found === null) return [];
    const host = member(found, 'host');
    return [{ pointer: `${pointer}/${action}`, host: typeof host === 'string' ? host : '' }];
  });
}

/** The API server has judged the pod by its schema; this only follows names. */
function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Readonly<Record<string, unknown>>)[key]
    : undefined;
}
