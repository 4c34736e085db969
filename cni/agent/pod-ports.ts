/** A pod as far as the agent reads it: who it is, what was decided, and its ports. Pure. */
import { z } from 'zod';
import type { KubeObject } from '../../kubernetes/client.ts';
import type { Port } from './interface.ts';

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
    ...given('assignment', 'opencontrail.org/assignment'),
    ...given('ports', 'opencontrail.org/ports'),
  };
}

const PortsSchema = z.object({
  uid: z.string(),
  interfaces: z
    .array(
      z.object({
        name: z.string(),
        vmi: z.string(),
        networkId: z.string(),
        mac: z.string(),
        ips: z.array(z.string()).min(1),
        dns: z.array(z.string()).optional(),
        mtu: z.number().optional(),
      }),
    )
    .min(1),
});

/** The pod's ports, or `undefined` while there are none, none readable, or only those of a predecessor. */
export function portsOf(pod: AgentPod): readonly Port[] | undefined {
  if (pod.ports === undefined) return undefined;
  try {
    const parsed = PortsSchema.parse(JSON.parse(pod.ports));
    return parsed.uid === pod.uid ? parsed.interfaces : undefined;
  } catch {
    return undefined; // The wait ends with the annotation's text in its message.
  }
}
