/** Pods for suites: small, quick to end, and what they were given. */
import type { LabHandle } from '../lab/handle.ts';

const IMAGE = 'docker.io/library/busybox:lab';

/** What suites read of a pod. */
export interface PodObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
  readonly spec: { readonly nodeName?: string; readonly hostNetwork?: boolean };
  readonly status: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly containerStatuses?: readonly { readonly restartCount: number; readonly ready: boolean }[];
  };
}

/** A container that does `script` and ends at once when told to. */
export function shell(script: string): object {
  return { name: 'main', image: IMAGE, imagePullPolicy: 'Never', command: ['sh', '-c', script] };
}

/** A container that only exists. */
export const idle = shell('exec /pause');

/** A pod of one container; it is never restarted, so a program in it that ended is seen. */
export function podManifest(
  at: { readonly namespace: string; readonly name: string; readonly node?: string; readonly labels?: object },
  container: object,
): object {
  const { namespace, name, node, labels = {} } = at;
  const placed = node === undefined ? {} : { nodeSelector: { 'kubernetes.io/hostname': node } };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name, labels },
    spec: { terminationGracePeriodSeconds: 0, restartPolicy: 'Never', containers: [container], ...placed },
  };
}

/** A Deployment of pods that only exist. */
export function deploymentManifest(
  at: { readonly namespace: string; readonly name: string },
  replicas: number,
): object {
  const labels = { app: at.name };
  const spec = { terminationGracePeriodSeconds: 0, containers: [idle] };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: at,
    spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
  };
}

/** The pods of a namespace that are not on their way out. */
export async function podsOf(lab: LabHandle, namespace: string): Promise<readonly PodObject[]> {
  const list = await lab.get<{ items: readonly PodObject[] }>(['pods', '-n', namespace]);
  return (list?.items ?? []).filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

/** What the annotation `opencontrail.org/ports` says, or `undefined` where it does not stand. */
export function portsOf(
  pod: PodObject,
):
  | { readonly uid: string; readonly interfaces: readonly { readonly ips: readonly string[]; readonly mac: string }[] }
  | undefined {
  const text = pod.metadata.annotations?.['opencontrail.org/ports'];
  return text === undefined ? undefined : (JSON.parse(text) as ReturnType<typeof portsOf>);
}

/** The first address of a pod's ports, without its length. */
export function portAddress(pod: PodObject): string | undefined {
  return portsOf(pod)?.interfaces[0]?.ips[0]?.split('/')[0];
}

/** Values that occur more than once. */
export function duplicates(values: readonly string[]): readonly string[] {
  return [...new Set(values.filter((value, index) => values.indexOf(value) !== index))];
}
