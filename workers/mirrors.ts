/** Whom a pod's traffic is copied to (annotation `opencontrail.org/mirror`). Pure. */
import type { PodMirror } from '../contrail/desired/pod-mirror.ts';
import type { Names } from '../contrail/names.ts';
import { ANNOTATION } from '../kubernetes/annotations.ts';
import { parsePodAssignment } from '../kubernetes/assignment.ts';
import { parsePodName } from '../kubernetes/grammar.ts';
import type { SlimPod } from '../kubernetes/objects.ts';
import { type PodPort, portsOfPod } from '../kubernetes/ports.ts';
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
  const port = analyzer && portsOfPod(analyzer.annotations[ANNOTATION.ports], analyzer.uid)?.interfaces[0];
  const why = name === pod.name ? 'the pod names itself; name the pod that analyzes' : whyUnserved(pod, analyzer, port);
  if (why !== undefined || port === undefined)
    return {
      kind: 'unserved',
      message: `annotation ${ANNOTATION.mirror}: "${name}": no copies are sent, because ${why}`,
    };
  const [machine = ''] = names.virtualMachine(pod.namespace, name);
  const [address = ''] = port.ips.map(withoutLength);
  return { kind: 'mirrored', mirror: { analyzer: machine, address, network: port.network } };
}

function whyUnserved(pod: SlimPod, analyzer: SlimPod | undefined, port: PodPort | undefined): string | undefined {
  if (analyzer === undefined || port === undefined)
    return `there is no pod ${analyzerOf(pod)} with an address of its own in namespace ${pod.namespace} yet`;
  if (parsePodAssignment(analyzer.annotations[ANNOTATION.assignment])?.mode !== 'custom') return undefined;
  return `nodes do not reach its network ${port.network}; put the analyzer into the namespace's own`;
}
