/** Pods, namespaces and policies as commands look them up; each is read once. */
import { ANNOTATION } from '../../kubernetes/annotations.ts';
import type { KubeClient, KubeObject } from '../../kubernetes/client.ts';
import { type SlimNetworkPolicy, slimNetworkPolicy } from '../../kubernetes/network-policy.ts';
import { type SlimPod, slimNamespace, slimPod } from '../../kubernetes/objects.ts';
import { type PodPort, portsOfPod } from '../../kubernetes/ports.ts';
import type { Labels } from '../../kubernetes/selector.ts';
import { withoutLength } from '../../runtime/cidr.ts';

/** A pod as an end of a flow. */
export interface PodEnd {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
  readonly node: string;
  /** Its node's address is its own; it has no interfaces then. */
  readonly hostNetwork: boolean;
  readonly hostIP: string;
  readonly interfaces: readonly PodPort[];
  /** Ports of its containers by protocol and name: `TCP http`. */
  readonly namedPorts: Readonly<Record<string, number>>;
}

export interface Directory {
  /** A pod by name. Throws where it has no port of ours, and is not on the node's network either. */
  readonly pod: (namespace: string, name: string) => Promise<PodEnd | undefined>;
  /** Who holds an address in a network; without one, who alone holds it in any. */
  readonly podAt: (address: string, network: string | undefined) => Promise<PodEnd | undefined>;
  readonly namespaceLabels: (namespace: string) => Promise<Labels>;
  readonly policies: (namespace: string) => Promise<readonly SlimNetworkPolicy[]>;
}

/** A directory of what Kubernetes holds at the moment. */
export function createDirectory(kube: KubeClient): Directory {
  const atAddress = once(
    async (address) => await kube.list('/api/v1/pods', { fieldSelector: `status.podIP=${address}` }),
  );
  // Only a pod's first address can be selected: not its other family's, nor those of its further interfaces.
  const everywhere = once(async (path) => await kube.list(path, { resourceVersion: '0' }));
  const pod = once(async (path) => {
    const raw = await kube.get(`/api/v1/namespaces/${path}`);
    return raw === undefined ? undefined : podEnd(raw);
  });
  const namespace = once(async (name) => await kube.get(`/api/v1/namespaces/${name}`));
  return {
    pod: async (home, name) => await pod(`${home}/pods/${name}`),
    podAt: async (address, network) => {
      const holding = ({ items }: Awaited<ReturnType<typeof atAddress>>) =>
        items.filter((raw) => !slimPod(raw).hostNetwork && holds(raw, address, network));
      const first = holding(await atAddress(address));
      const isFurther = first.length === 0 && network !== undefined;
      const held = isFurther ? holding(await everywhere('/api/v1/pods')) : first;
      return held[0] === undefined || held.length > 1 ? undefined : podEnd(held[0]);
    },
    namespaceLabels: async (name) => {
      const raw = await namespace(name);
      return raw === undefined ? {} : slimNamespace(raw).labels;
    },
    policies: once(async (home) => {
      const { items } = await kube.list(`/apis/networking.k8s.io/v1/namespaces/${home}/networkpolicies`);
      return items.map(slimNetworkPolicy);
    }),
  };
}

function once<T>(read: (key: string) => Promise<T>): (key: string) => Promise<T> {
  const known = new Map<string, Promise<T>>();
  return async (key) => {
    const found = known.get(key) ?? read(key);
    known.set(key, found);
    return await found;
  };
}

function holds(raw: KubeObject, address: string, network: string | undefined): boolean {
  const pod = slimPod(raw);
  const interfaces = portsOfPod(pod.annotations[ANNOTATION.ports], pod.uid)?.interfaces ?? [];
  return interfaces.some(
    (port) => port.network === (network ?? port.network) && port.ips.map(withoutLength).includes(address),
  );
}

function podEnd(raw: KubeObject): PodEnd {
  const pod = slimPod(raw);
  const { namespace, name, labels, hostNetwork, nodeName = '', hostIP = '' } = pod;
  const interfaces = portsOfPod(pod.annotations[ANNOTATION.ports], pod.uid)?.interfaces ?? [];
  if (!hostNetwork && interfaces.length === 0)
    throw new Error(`pod ${namespace}/${name} has no port yet: kubectl -n ${namespace} describe pod ${name} says why`);
  return { namespace, name, labels, hostNetwork, node: nodeName, hostIP, interfaces, namedPorts: namedPorts(pod) };
}

function namedPorts({ namedPorts: ports = [] }: SlimPod): PodEnd['namedPorts'] {
  return Object.fromEntries(ports.map(({ protocol, name, number }) => [`${protocol} ${name}`, number]));
}

/** As it is told to users. */
export function podName({ namespace, name }: PodEnd): string {
  return `pod ${namespace}/${name}`;
}
