/** A pod as far as the agent reads it: who it is, what was decided, and its ports. Pure. */
import type { KubeObject } from '../../kubernetes/client.ts';
import { ANNOTATION } from '../../kubernetes/annotations.ts';
import { type PodPort, portsOfPod } from '../../kubernetes/ports.ts';

export interface AgentPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** The UID that the kubelet uses for a static pod; the API server's mirror has another. */
  readonly staticUid?: string;
  /** The annotations' texts, where they exist. */
  readonly assignment?: string;
  readonly ports?: string;
}

/** The projection of this node's cache. */
export function agentPod({ metadata }: KubeObject): AgentPod {
  const annotations = metadata.annotations ?? {};
  const given = (key: string, annotation: string) =>
    annotations[annotation] === undefined ? {} : { [key]: annotations[annotation] };
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    uid: metadata.uid,
    ...given('staticUid', 'kubernetes.io/config.mirror'),
    ...given('assignment', ANNOTATION.assignment),
    ...given('ports', ANNOTATION.ports),
  };
}

/** The pod's ports, or `undefined` while there are none, none readable, or only those of a predecessor. */
export function portsOf(pod: AgentPod): readonly PodPort[] | undefined {
  return portsOfPod(pod.ports, pod.uid)?.interfaces;
}
