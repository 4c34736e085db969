/** A running installation as a user reaches it: Kubernetes by the kubeconfig, everything else through it. */
import type { KubeConfig } from '@kubernetes/client-node';
import { clientWith, type KubeClient, type KubeObject } from '../../kubernetes/client.ts';
import { configCredentials, loadKubeconfig } from '../../kubernetes/credentials.ts';
import { forwardPort, type Forwarding } from '../../kubernetes/forward.ts';
import { saysReady } from '../../kubernetes/objects.ts';

/** A pod of the product that runs. */
export interface ProductPod {
  readonly name: string;
  readonly node: string;
  /** Named ports of its containers. */
  readonly ports: Readonly<Record<string, number>>;
}

export interface Cluster {
  readonly kube: KubeClient;
  /** The namespace of the product. */
  readonly namespace: string;
  /** The Ready pods of one of the product's programs: `config-api`, `workers`, `node`. */
  readonly podsOf: (component: string) => Promise<readonly ProductPod[]>;
  /** A loopback port that leads to a port of a product's pod; closed with the cluster. */
  readonly forward: (pod: string, port: number) => Promise<Forwarding>;
  readonly close: () => void;
}

/** Nothing is asked before the first call, so a wrong kubeconfig is told then. */
export async function openCluster(where: {
  readonly kubeconfig: string;
  readonly context: string;
  readonly productNamespace: string;
}): Promise<Cluster> {
  const config: KubeConfig = await loadKubeconfig({ file: given(where.kubeconfig), context: given(where.context) });
  const kube = clientWith(configCredentials(Promise.resolve(config)));
  const { productNamespace: namespace } = where;
  const open: Forwarding[] = [];
  return {
    kube,
    namespace,
    podsOf: async (component) => {
      const labelSelector = `app.kubernetes.io/name=opencontrail,app.kubernetes.io/component=${component}`;
      const { items } = await kube.list(`/api/v1/namespaces/${namespace}/pods`, { labelSelector });
      return items.filter(saysReady).map(productPod);
    },
    forward: async (pod, port) => {
      const forwarding = await forwardPort({ namespace, pod, port }, config);
      open.push(forwarding);
      return forwarding;
    },
    close: () => {
      for (const forwarding of open.splice(0)) forwarding.close();
    },
  };
}

function given(text: string): string | undefined {
  return text === '' ? undefined : text;
}

// The fields of a v1 Pod that are read here.
type RawPod = KubeObject & {
  readonly spec?: {
    readonly nodeName?: string;
    readonly containers?: readonly {
      readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[];
    }[];
  };
};

function productPod(pod: KubeObject): ProductPod {
  const { metadata, spec } = pod as RawPod;
  const ports = (spec?.containers ?? []).flatMap(({ ports = [] }) => ports);
  return {
    name: metadata.name,
    node: spec?.nodeName ?? '',
    ports: Object.fromEntries(ports.map(({ name, containerPort }) => [name ?? '', containerPort])),
  };
}
