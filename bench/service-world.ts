/** Services by the thousand on the lab, without selectors: their endpoints are written by the benchmark, and are pods that run. */
import { createKubeClient, type KubeClient } from '../kubernetes/client.ts';
import { idle, podManifest, podsOf } from '../test/e2e/pods.ts';
import type { LabHandle } from '../test/lab/handle.ts';
import { inTurns } from './config-api.ts';
import type { Ends } from './flows.ts';
import { placeOfPod } from './lab-pods.ts';

const NAMESPACE = 'bench-services';
const PORT = 80;
const TARGET_PORT = 8080;
/** Pods on each node. */
const PER_NODE = 6;
/** Requests of the benchmark to the API server at a time. */
const AT_ONCE = 16;

/** An endpoint as an EndpointSlice has it. */
interface Endpoint {
  readonly addresses: readonly [string];
  readonly conditions: { readonly ready: boolean };
  readonly nodeName: string;
  readonly targetRef: object;
}

export interface ServiceWorld {
  /** A pod on the first node, and one on the second. */
  readonly ends: Ends;
  /** The Service that leads to the second of the two alone. */
  readonly measured: ServiceOfWorld;
  /** Adds Services until there are so many besides, each with so many endpoints; answers the last one. */
  readonly grow: (count: number, endpoints: number) => Promise<ServiceOfWorld>;
  /** One endpoint of a Service, the last, is there or not. */
  readonly change: (service: ServiceOfWorld, isThere: boolean) => Promise<void>;
}

export interface ServiceOfWorld {
  /** `namespace/name`. */
  readonly key: string;
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** Of its endpoints. */
  readonly targetPort: number;
  readonly endpoints: readonly Endpoint[];
}

/** Pods that only exist on both nodes, and the measured Service. */
export async function createServiceWorld(lab: LabHandle): Promise<ServiceWorld> {
  const kube = createKubeClient({ kubeconfig: lab.kubeconfig });
  await lab.createNamespace(NAMESPACE);
  const pods = lab.nodes
    .slice(0, 2)
    .flatMap((node) => Array.from({ length: PER_NODE }, (_, index) => ({ node, name: `${node}-${index}` })));
  await lab.apply(pods.map(({ node, name }) => podManifest({ namespace: NAMESPACE, name, node }, idle)));
  await lab.podsReady(
    NAMESPACE,
    pods.map(({ name }) => name),
  );
  const placeOf = (node = '') => placeOfPod(lab, { namespace: NAMESPACE, name: `${node}-0`, node });
  const [client, server] = await Promise.all([placeOf(lab.nodes[0]), placeOf(lab.nodes[1])]);
  const endpoints = await endpointsOf(lab);
  const of = (count: number, from: number) =>
    Array.from({ length: count }, (_, index) => endpoints[(from + index) % endpoints.length]).filter(
      (endpoint) => endpoint !== undefined,
    );
  let services = 0;
  return {
    ends: { client, server },
    measured: await createService(kube, {
      name: 'measured',
      endpoints: endpoints.filter(({ addresses: [address] }) => address === server.address),
    }),
    grow: async (count, size) => {
      const from = services;
      services = count;
      const made: ServiceOfWorld[] = [];
      await inTurns(count - from, AT_ONCE, async (index) => {
        made[index] = await createService(kube, { name: `s${from + index}`, endpoints: of(size, index) });
      });
      const last = made.at(-1);
      if (last === undefined) throw new Error('no Service was added');
      return last;
    },
    change: async ({ name, endpoints: all }, isThere) => {
      await kube.patch(slicePath(name), { endpoints: isThere ? all : all.slice(0, -1) });
    },
  };
}

async function endpointsOf(lab: LabHandle): Promise<readonly Endpoint[]> {
  return (await podsOf(lab, NAMESPACE)).map(({ metadata: { name, uid }, spec, status }) => ({
    addresses: [status.podIP ?? ''],
    conditions: { ready: true },
    nodeName: spec.nodeName ?? '',
    targetRef: { kind: 'Pod', namespace: NAMESPACE, name, uid },
  }));
}

async function createService(
  kube: KubeClient,
  { name, endpoints }: { readonly name: string; readonly endpoints: readonly Endpoint[] },
): Promise<ServiceOfWorld> {
  await kube.post(slicePath(), {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name,
      labels: { 'kubernetes.io/service-name': name, 'endpointslice.kubernetes.io/managed-by': 'bench' },
    },
    addressType: 'IPv4',
    ports: [{ name: 'http', protocol: 'TCP', port: TARGET_PORT }],
    endpoints,
  });
  const { spec } = await kube.post(`/api/v1/namespaces/${NAMESPACE}/services`, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { ports: [{ name: 'http', port: PORT, targetPort: TARGET_PORT }] },
  });
  // The API's own schema.
  const { clusterIP } = spec as { readonly clusterIP: string };
  return { key: `${NAMESPACE}/${name}`, name, address: clusterIP, port: PORT, targetPort: TARGET_PORT, endpoints };
}

function slicePath(name?: string): string {
  const all = `/apis/discovery.k8s.io/v1/namespaces/${NAMESPACE}/endpointslices`;
  return name === undefined ? all : `${all}/${name}`;
}
