/** Whom traffic is copied to: a pod's (annotation `opencontrail.org/mirror`), a connection's, and a ClusterNetworkPolicy's. Pure. */
import type { PodMirror } from '../contrail/desired/pod-mirror.ts';
import type { Names } from '../contrail/names.ts';
import { ANNOTATION } from '../kubernetes/annotations.ts';
import { parsePodAssignment } from '../kubernetes/assignment.ts';
import type { SlimClusterPolicy } from '../kubernetes/cluster-network-policy.ts';
import { parsePodName, parsePodReference } from '../kubernetes/grammar.ts';
import type { SlimPod } from '../kubernetes/objects.ts';
import { type PodPort, portsOfPod } from '../kubernetes/ports.ts';
import { problemText } from '../kubernetes/problems.ts';
import { withoutLength } from '../runtime/cidr.ts';

/** The name of the pod of its namespace that a pod is copied to. What is no name has been refused at admission. */
export function analyzerOf({ annotations }: SlimPod): string | undefined {
  const text = annotations[ANNOTATION.mirror];
  const parsed = text === undefined ? undefined : parsePodName(text);
  return parsed?.ok === true ? parsed.value : undefined;
}

/** A pod's mirror, or why there is none and what to do. */
export type Mirroring =
  | { readonly kind: 'mirrored'; readonly mirror: PodMirror }
  | { readonly kind: 'unserved'; readonly message: string };

/** `undefined` where the pod asks for none. An analyzer that has no ports yet has its copies as soon as it has them. */
export function mirroringOf(pod: SlimPod, analyzer: SlimPod | undefined, names: Names): Mirroring | undefined {
  const name = analyzerOf(pod);
  if (name === undefined) return undefined;
  const asked = `annotation ${ANNOTATION.mirror}`;
  if (name === pod.name) return unserved({ asked, name }, 'the pod names itself; name the pod that analyzes');
  return mirroringTo({ asked, namespace: pod.namespace, name }, analyzer, names);
}

/** The pod that what a policy accepts is copied to, `namespace/name`; `undefined` too where what it says is none. */
export function analyzerOfPolicy({ mirror }: SlimClusterPolicy): string | undefined {
  const parsed = mirror === undefined ? undefined : parsePodReference(mirror);
  return parsed?.ok === true ? `${parsed.value.namespace}/${parsed.value.name}` : undefined;
}

/** The same of a policy, to which nobody says at admission what is wrong. */
export function mirroringOfPolicy(
  { mirror: value }: SlimClusterPolicy,
  podOf: (key: string) => SlimPod | undefined,
  names: Names,
): Mirroring | undefined {
  if (value === undefined) return undefined;
  const annotation = ANNOTATION.mirrorAccepted;
  const parsed = parsePodReference(value);
  if (!parsed.ok) return { kind: 'unserved', message: problemText({ annotation, value, ...parsed }) };
  const { namespace, name } = parsed.value;
  return mirroringTo({ asked: `annotation ${annotation}`, namespace, name }, podOf(`${namespace}/${name}`), names);
}

/** Who asks for copies, in which field, and the name of the pod that is to be sent them. */
interface Asked {
  readonly asked: string;
  readonly namespace: string;
  readonly name: string;
}

/** Copies to a pod, if nodes reach it. */
export function mirroringTo(request: Asked, analyzer: SlimPod | undefined, names: Names): Mirroring {
  const port = analyzer && portsOfPod(analyzer.annotations[ANNOTATION.ports], analyzer.uid)?.interfaces[0];
  const why = whyUnserved(request, analyzer, port);
  if (why !== undefined || port === undefined) return unserved(request, why);
  const [machine = ''] = names.virtualMachine(request.namespace, request.name);
  const [address = ''] = port.ips.map(withoutLength);
  return { kind: 'mirrored', mirror: { analyzer: machine, address, network: port.network } };
}

function unserved({ asked, name }: Pick<Asked, 'asked' | 'name'>, why: string | undefined): Mirroring {
  return { kind: 'unserved', message: `${asked}: "${name}": no copies are sent, because ${why}` };
}

function whyUnserved(
  { namespace, name }: Asked,
  analyzer: SlimPod | undefined,
  port: PodPort | undefined,
): string | undefined {
  if (analyzer === undefined || port === undefined)
    return `there is no pod ${name} with an address of its own in namespace ${namespace} yet`;
  if (parsePodAssignment(analyzer.annotations[ANNOTATION.assignment])?.mode !== 'custom') return undefined;
  return `nodes do not reach its network ${port.network}; put the analyzer into the namespace's own`;
}
